//! env.releases.jsonl: one release a line, oldest first; lines are added, never changed.

use serde::Deserialize;

use super::{Error, FORMAT, Record};

/// All releases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Oldest first; numbers rise.
    pub records: Vec<Record>,
    /// A last line that was not written completely.
    pub torn: Option<Torn>,
    bytes: Vec<u8>,
}

/// A line that a crash cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The line, from 1.
    pub line: usize,
    /// Its beginning.
    pub text: String,
}

impl History {
    /// Reads the file's bytes. An incomplete last line goes to `torn`.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Broken`] for any other line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut history = History { bytes: bytes.to_vec(), ..History::default() };
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        for (at, raw) in lines.iter().enumerate() {
            let line = at + 1;
            if raw.trim_ascii().is_empty() {
                continue;
            }
            match read_line(line, raw, history.records.last()) {
                Ok(record) => history.records.push(record),
                Err(Error::Broken { .. }) if line == lines.len() && !raw.ends_with(b"\n") => {
                    let text = String::from_utf8_lossy(raw).chars().take(60).collect();
                    history.torn = Some(Torn { line, text });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(history)
    }

    /// The file's bytes with one more release.
    ///
    /// # Errors
    /// [`Error::TornLine`]: a new line would hide what was lost.
    pub fn with(&self, record: &Record) -> Result<Vec<u8>, Error> {
        if let Some(Torn { line, text }) = self.torn.clone() {
            return Err(Error::TornLine { line, text });
        }
        let mut bytes = self.bytes.clone();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let text = serde_json::to_string(record).expect("a record always serializes");
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file's bytes up to the line of this release, as they were when it was new.
    pub fn upto(&self, number: u64) -> Option<Vec<u8>> {
        let at = self.records.iter().position(|record| record.number == number)?;
        let mut lines = self.bytes.split_inclusive(|b| *b == b'\n');
        let (mut kept, mut seen) = (Vec::new(), 0);
        while seen <= at {
            let line = lines.next()?;
            seen += usize::from(!line.trim_ascii().is_empty());
            kept.extend_from_slice(line);
        }
        Some(kept)
    }

    /// The number of the next release.
    pub fn next_number(&self) -> u64 {
        self.records.last().map_or(1, |record| record.number + 1)
    }
}

fn read_line(line: usize, raw: &[u8], before: Option<&Record>) -> Result<Record, Error> {
    #[derive(Deserialize)]
    struct VersionOnly {
        v: u32,
    }
    let broken = |e: serde_json::Error| Error::Broken { line, reason: e.to_string() };
    let VersionOnly { v } = serde_json::from_slice(raw).map_err(broken)?;
    if v > FORMAT {
        return Err(Error::Newer { line, found: v });
    }
    let record: Record = serde_json::from_slice(raw).map_err(broken)?;
    let after = before.map_or(0, |before| before.number);
    if record.number <= after {
        let reason = format!("release {} comes after release {after}", record.number);
        return Err(Error::Broken { line, reason });
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Kind;
    use crate::release::model::tests::record;

    fn two() -> Vec<u8> {
        let first = History::default().with(&record(1, Kind::Build, &[])).unwrap();
        History::parse(&first).unwrap().with(&record(2, Kind::Build, &[])).unwrap()
    }

    #[test]
    fn releases_are_added_at_the_end_and_old_bytes_stay() {
        let bytes = two();
        let history = History::parse(&bytes).unwrap();
        assert_eq!((history.records.len(), history.next_number()), (2, 3));
        let more = history.with(&record(3, Kind::Rollback { to: 1 }, &[])).unwrap();
        assert!(more.starts_with(&bytes));
        assert_eq!(History::parse(&more).unwrap().upto(2).unwrap(), bytes);
        assert_eq!(history.upto(9), None);
        let cut = &bytes[..bytes.len() - 1];
        let joined = History::parse(cut).unwrap().with(&record(3, Kind::Build, &[])).unwrap();
        assert_eq!(History::parse(&joined).unwrap().records.len(), 3);
    }

    #[test]
    fn a_record_of_the_first_envlock_is_read_as_it_was_written() {
        let line = r#"{"v":1,"number":7,"time":"2026-01-02T03:04:05Z","kind":"build","images":{"ray-runtime":"r.example/ray-runtime@sha256:0000000000000000000000000000000000000000000000000000000000000000"},"edits":[{"file":"config.yaml","path":"services.ray.image","before":"ray:1","after":"r.example/ray-runtime@sha256:0000000000000000000000000000000000000000000000000000000000000000"}],"envlock":"0.1.0","of-a-later-day":1}"#;
        let history = History::parse(line.as_bytes()).unwrap();
        let record = &history.records[0];
        assert_eq!((record.number, record.lock, record.by.as_deref()), (7, None, None));
        assert_eq!(history.state(7).unwrap().images.len(), 1);
        let more = history.with(&self::record(8, Kind::Rollback { to: 0 }, &[])).unwrap();
        assert!(more.starts_with(line.as_bytes()) && History::parse(&more).is_ok());
    }

    #[test]
    fn a_torn_last_line_is_told_and_stops_later_releases() {
        let bytes = two();
        let torn = History::parse(&bytes[..bytes.len() - 9]).unwrap();
        assert_eq!((torn.records.len(), torn.torn.as_ref().unwrap().line), (1, 2));
        let refused = torn.with(&record(2, Kind::Build, &[]));
        assert!(matches!(refused, Err(Error::TornLine { line: 2, .. })));
    }

    #[test]
    fn a_newer_a_broken_and_a_repeated_line_are_named() {
        let mut bytes = two();
        bytes.extend_from_slice(b"{\"v\":3,\"shape\":\"new\"}\n");
        assert!(matches!(History::parse(&bytes), Err(Error::Newer { line: 3, found: 3 })));
        assert!(matches!(History::parse(b"{}\n{}\n"), Err(Error::Broken { line: 1, .. })));
        let twice = [two(), two()].concat();
        assert!(matches!(History::parse(&twice), Err(Error::Broken { line: 3, .. })));
        assert_eq!(History::parse(b"").unwrap().next_number(), 1);
    }
}
