//! RECORD, the list of a distribution's files: read from the wheel and compared with it, written for what was installed.

use std::collections::HashMap;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oci_digest::Sha256;
use sha2::digest::DynDigest;

use crate::flaw::Flaw;

/// As RECORD writes hashes; some writers pad them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What RECORD says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `sha256=…`, or empty.
    pub hash: String,
    /// Bytes, as written; may be empty.
    pub size: String,
}

/// A hash of a kind that a RECORD may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedHash {
    /// The usual one.
    Sha256([u8; 32]),
    /// SHA-384.
    Sha384([u8; 48]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Row {
    /// The row of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Row::new(&Sha256::of(bytes), bytes.len() as u64)
    }

    /// The row of so many bytes with this hash.
    pub fn new(sha256: &Sha256, size: u64) -> Self {
        let hash = format!("sha256={}", BASE64_URL_SAFE_NO_PAD.encode(sha256.as_bytes()));
        Row { hash, size: size.to_string() }
    }

    /// The hash, where it is of a kind that counts, and whole.
    pub fn hash(&self) -> Option<RecordedHash> {
        let (kind, text) = self.hash.split_once('=')?;
        let bytes = BASE64.decode(text).ok()?;
        match kind {
            "sha256" => bytes.try_into().ok().map(RecordedHash::Sha256),
            "sha384" => bytes.try_into().ok().map(RecordedHash::Sha384),
            "sha512" => bytes.try_into().ok().map(RecordedHash::Sha512),
            _ => None,
        }
    }
}

impl RecordedHash {
    /// Something that takes bytes, for [`RecordedHash::is`].
    pub(crate) fn hasher(&self) -> Box<dyn DynDigest> {
        match self {
            RecordedHash::Sha256(_) => Box::new(sha2::Sha256::default()),
            RecordedHash::Sha384(_) => Box::new(sha2::Sha384::default()),
            RecordedHash::Sha512(_) => Box::new(sha2::Sha512::default()),
        }
    }

    /// Whether it is the hash of these bytes.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        self.is(hasher)
    }

    /// Whether it is the hash of all that this hasher took.
    pub(crate) fn is(&self, hasher: Box<dyn DynDigest>) -> bool {
        let expected: &[u8] = match self {
            RecordedHash::Sha256(bytes) => bytes,
            RecordedHash::Sha384(bytes) => bytes,
            RecordedHash::Sha512(bytes) => bytes,
        };
        *hasher.finalize() == *expected
    }
}

/// Why RECORD does not cover a file. pip and uv install such files all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is not in there.
    Unlisted,
    /// It is there as `/pkg/a.py`.
    Rooted,
    /// Its row has no hash, or a weak or a broken one.
    Unhashed,
}

impl Doubt {
    /// Every kind.
    pub const ALL: [Doubt; 3] = [Doubt::Unlisted, Doubt::Rooted, Doubt::Unhashed];
}

/// What RECORD does; the file follows.
impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Doubt::Unlisted => "does not list",
            Doubt::Rooted => "has a path from the root for",
            Doubt::Unhashed => "has no hash that counts for",
        })
    }
}

/// The rows of a RECORD by path.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: HashMap<String, Row>,
    /// Those of paths that begin with a slash, without it.
    rooted: HashMap<String, Row>,
}

impl Rows {
    /// Reads a RECORD.
    ///
    /// # Errors
    ///
    /// The first line that is no row.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut read = Rows::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut cells = cells(line).ok_or(line)?.into_iter();
            let (Some(path), Some(hash), Some(size), None) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                return Err(line.to_owned());
            };
            let row = Row { hash, size };
            match path.strip_prefix('/') {
                Some(path) => read.rooted.insert(path.to_owned(), row),
                // `./a` and `a` are one file.
                None => read.rows.insert(path.strip_prefix("./").unwrap_or(&path).to_owned(), row),
            };
        }
        Ok(read)
    }

    /// What it says about a file.
    pub fn get(&self, path: &str) -> Option<&Row> {
        self.rows.get(path).or_else(|| self.rooted.get(path))
    }

    /// Compares the files of the wheel whose `.dist-info` folder is `info`, with their sizes in bytes, with the rows:
    /// those that it does not cover.
    ///
    /// # Errors
    ///
    /// The first file that has another size.
    pub fn check<'a>(
        &self,
        info: &str,
        files: impl Iterator<Item = (&'a str, u64)>,
    ) -> Result<Vec<(&'a str, Doubt)>, (String, Flaw)> {
        let own = ["RECORD", "RECORD.jws", "RECORD.p7s"].map(|name| format!("{info}/{name}"));
        let mut doubts = Vec::new();
        for (name, size) in files.filter(|(name, _)| !own.iter().any(|own| own == name)) {
            let Some(row) = self.get(name) else {
                doubts.push((name, Doubt::Unlisted));
                continue;
            };
            if !row.size.is_empty() && row.size.parse() != Ok(size) {
                let flaw = Flaw::RecordedSize { size, recorded: row.size.clone() };
                return Err((name.to_owned(), flaw));
            }
            match row.hash() {
                None => doubts.push((name, Doubt::Unhashed)),
                Some(_) if !self.rows.contains_key(name) => doubts.push((name, Doubt::Rooted)),
                Some(_) => {}
            }
        }
        Ok(doubts)
    }
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
pub(crate) fn write(mut rows: Vec<(String, Row)>, own: &str) -> String {
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
        let read = Rows::parse(&text).unwrap();
        assert!(rows.iter().all(|(path, _)| read.get(path) == Some(&row)));
        assert!(row.hash().unwrap().is(row.hash().unwrap().hasher()));
        assert_eq!(read.get("x.dist-info/RECORD").unwrap().hash(), None);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["a.py", "a.py,sha256=x", "\"a.py,sha256=x,1", "a,b,sha256=x,1"] {
            assert_eq!(Rows::parse(line).unwrap_err(), line);
        }
    }

    #[test]
    fn hashes_that_are_weak_or_broken_do_not_count() {
        let hash = |hash: &str| Row { hash: hash.into(), size: "1".into() }.hash();
        let good = Row::of(b"a").hash;
        assert_eq!(hash(&good), hash(&format!("{good}=")), "with and without padding");
        assert!(matches!(hash(&good), Some(RecordedHash::Sha256(_))));
        let digits = Sha256::of("a").to_string();
        for bad in ["", "md5=x", "sha256=", "sha1=x", &good[..20], &format!("sha256={digits}")] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }

    #[test]
    fn files_that_it_does_not_vouch_for_are_named_and_other_sizes_are_errors() {
        let hash = Row::of(b"a").hash;
        let text = format!(
            "\u{feff}a.py,{hash},1\r\n./b.py,{hash},\n/c.py,{hash},1\nd.py,,1\ne.py,md5=x,1\n\
             /d.py,{hash},1\nx.dist-info/RECORD,,\n"
        );
        let rows = Rows::parse(&text).unwrap();
        let names = ["a.py", "b.py", "c.py", "d.py", "e.py", "f.py", "x.dist-info/RECORD"];
        let doubts = rows.check("x.dist-info", names.iter().map(|name| (*name, 1))).unwrap();
        let expected = [
            ("c.py", Doubt::Rooted),
            ("d.py", Doubt::Unhashed),
            ("e.py", Doubt::Unhashed),
            ("f.py", Doubt::Unlisted),
        ];
        assert_eq!(doubts, expected);
        let (name, flaw) = rows.check("x.dist-info", [("a.py", 2)].into_iter()).unwrap_err();
        assert_eq!(name, "a.py");
        assert_eq!(flaw, Flaw::RecordedSize { size: 2, recorded: "1".into() });
    }
}
