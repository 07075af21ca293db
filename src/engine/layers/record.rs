//! RECORD, the list of a distribution's files: read from the wheel, written for what was installed.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::digest::Sha256;

/// Hashes that a wheel's RECORD may use.
const HASHES: [&str; 3] = ["sha256=", "sha384=", "sha512="];

/// What RECORD says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// `sha256=…`, or empty.
    pub hash: String,
    /// Bytes, as written; may be empty.
    pub size: String,
}

impl Row {
    /// The row of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::of(bytes).as_bytes());
        Row { hash: format!("sha256={hash}"), size: bytes.len().to_string() }
    }

    /// Whether it has a hash of a kind that a wheel may use.
    pub fn is_hashed(&self) -> bool {
        HASHES.iter().any(|kind| self.hash.strip_prefix(kind).is_some_and(|hash| !hash.is_empty()))
    }
}

/// The rows of a RECORD by path; the error is a line that is no row.
pub(super) fn parse(text: &str) -> Result<HashMap<String, Row>, String> {
    let mut rows = HashMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut cells = cells(line).ok_or(line)?.into_iter();
        let (Some(path), Some(hash), Some(size), None) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            return Err(line.to_owned());
        };
        // `./a` and `a` are one file.
        let path = path.strip_prefix("./").map(str::to_owned).unwrap_or(path);
        rows.insert(path, Row { hash, size });
    }
    Ok(rows)
}

/// The cells of a line of comma-separated values; `None`: a quote is not closed.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let cell = cells.last_mut()?;
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    (!quoted).then_some(cells)
}

/// The text of a RECORD: sorted, and with a row of its own at `own`, which has no hash.
pub(super) fn write(mut rows: Vec<(String, Row)>, own: &str) -> String {
    rows.push((own.to_owned(), Row { hash: String::new(), size: String::new() }));
    rows.sort_by(|one, two| one.0.cmp(&two.0));
    let line = |(path, row): &(String, Row)| format!("{},{},{}\n", cell(path), row.hash, row.size);
    rows.iter().map(line).collect()
}

fn cell(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let row = Row::of(b"");
        assert_eq!(row.hash, "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        let rows = ["b.py", "a,b \"c\".py", "a.py"].map(|path| (path.to_owned(), row.clone()));
        let text = write(rows.to_vec(), "x.dist-info/RECORD");
        let first = format!("\"a,b \"\"c\"\".py\",{},0\n", row.hash);
        assert!(text.starts_with(&first), "{text}");
        assert!(text.ends_with("\nx.dist-info/RECORD,,\n"), "{text}");
        let read = parse(&text).unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!(rows.iter().filter(|(path, _)| read[path] == row).count(), 3);
        assert!(row.is_hashed() && !read["x.dist-info/RECORD"].is_hashed());
    }

    #[test]
    fn other_lines_are_refused_and_weak_hashes_do_not_count() {
        for line in ["a.py", "a.py,sha256=x", "\"a.py,sha256=x,1", "a,b,sha256=x,1"] {
            assert_eq!(parse(line), Err(line.to_owned()));
        }
        for hash in ["", "md5=x", "sha256=", "sha1=x"] {
            assert!(!Row { hash: hash.into(), size: "1".into() }.is_hashed(), "{hash}");
        }
        assert!(parse("./a.py,sha512=x,1\r\n\r\n").unwrap()["a.py"].is_hashed());
    }
}
