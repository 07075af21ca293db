//! Core metadata (PEP 566/643): the few fields that decide what is installed.

use std::borrow::Cow;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName, Requirement, VerbatimUrl};

use super::lenient;

/// The fields of a METADATA file that the solver needs.
#[derive(Debug, Clone, PartialEq)]
pub struct CoreMetadata {
    /// Normalized.
    pub name: PackageName,
    /// As written.
    pub version: Version,
    /// Requires-Dist, in file order.
    pub requires: Vec<Requirement<VerbatimUrl>>,
    /// Requires-Python.
    pub requires_python: Option<VersionSpecifiers>,
    /// Provides-Extra, normalized.
    pub extras: Vec<ExtraName>,
}

/// A METADATA file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// A field without which a distribution is nothing.
    #[error("its METADATA has no {0}")]
    Missing(&'static str),
    /// A field whose value cannot be read.
    #[error("its METADATA has an unreadable line `{field}: {value}`: {cause}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Its value as written.
        value: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl CoreMetadata {
    /// Reads the header of a METADATA file; the description below it is not looked at. Requirements
    /// in the forms old tools wrote are mended, others are an error that quotes the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadMetadata> {
        let (mut name, mut version, mut requires_python) = (None, None, None);
        let (mut requires, mut extras) = (Vec::new(), Vec::new());
        for (field, value) in fields(bytes) {
            let value = value.trim();
            let is = |name: &str| field.eq_ignore_ascii_case(name);
            if is("Requires-Dist") {
                requires.push(read("Requires-Dist", value, lenient::requirement)?);
            } else if is("Provides-Extra") {
                // An extra that has no valid name can never be asked for.
                extras.extend(value.parse::<ExtraName>().ok());
            } else if is("Name") {
                name = Some(read("Name", value, |v| v.parse().map_err(text_of))?);
            } else if is("Version") {
                version = Some(read("Version", value, |v| v.parse().map_err(text_of))?);
            } else if is("Requires-Python") && !value.is_empty() {
                requires_python = Some(read("Requires-Python", value, lenient::specifiers)?);
            }
        }
        Ok(Self {
            name: name.ok_or(BadMetadata::Missing("Name"))?,
            version: version.ok_or(BadMetadata::Missing("Version"))?,
            requires,
            requires_python,
            extras,
        })
    }
}

impl CoreMetadata {
    /// Only whose METADATA it is.
    pub fn identity(bytes: &[u8]) -> Result<(PackageName, Version), BadMetadata> {
        let (mut name, mut version) = (None, None);
        for (field, value) in fields(bytes) {
            let value = value.trim();
            if field.eq_ignore_ascii_case("Name") {
                name = Some(read("Name", value, |v| v.parse().map_err(text_of))?);
            } else if field.eq_ignore_ascii_case("Version") {
                version = Some(read("Version", value, |v| v.parse().map_err(text_of))?);
            }
        }
        Ok((
            name.ok_or(BadMetadata::Missing("Name"))?,
            version.ok_or(BadMetadata::Missing("Version"))?,
        ))
    }
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn read<T>(
    field: &'static str,
    value: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, BadMetadata> {
    parse(value).map_err(|cause| BadMetadata::Field { field, value: value.to_owned(), cause })
}

/// Header fields with continuation lines joined, up to the first empty line.
fn fields(bytes: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let mut end = line_end(rest, 0);
            if rest.is_empty() || trimmed(&rest[..end]).is_empty() {
                return None;
            }
            // A line that starts with a blank continues the one before.
            while matches!(rest.get(end + 1), Some(b' ' | b'\t')) {
                end = line_end(rest, end + 1);
            }
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if let Some(colon) = memchr::memchr(b':', line) {
                let (name, value) = (&line[..colon], &line[colon + 1..]);
                return Some((String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
            }
        }
    })
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at)
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_the_body_is_not() {
        let text = b"Metadata-Version: 2.1\r\nName: Torch_Geometric\r\nVersion: 2.8.0\r\n\
            requires-python: >=3.10\r\nRequires-Dist: numpy\r\n\
            Requires-Dist: torch (==2.9.0) ;\r\n  extra == 'full'\r\n\
            Provides-Extra: Full_Set\r\nSummary: a: b\r\n\r\nRequires-Dist: not this one\r\n";
        let metadata = CoreMetadata::parse(text).unwrap();
        assert_eq!(metadata.name.as_ref(), "torch-geometric");
        assert_eq!(metadata.version.to_string(), "2.8.0");
        let requires: Vec<_> = metadata.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["numpy", "torch==2.9.0 ; extra == 'full'"]);
        assert_eq!(metadata.requires_python.unwrap().to_string(), ">=3.10");
        assert_eq!(metadata.extras[0].as_ref(), "full-set");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_quoted() {
        let text = "Name: a\nVersion: 1\nRequires-Dist: b => 3\n";
        let error = CoreMetadata::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("Requires-Dist: b => 3"), "{error}");
        assert_eq!(CoreMetadata::parse(b"Name: a\n"), Err(BadMetadata::Missing("Version")));
        assert_eq!(CoreMetadata::parse(b""), Err(BadMetadata::Missing("Name")));
    }
}
