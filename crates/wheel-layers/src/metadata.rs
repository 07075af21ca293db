//! METADATA of a wheel (core metadata, PEP 566 and 643): its header fields, and which distribution it is of.

use std::borrow::Cow;

use pep440_rs::Version;
use pep508_rs::PackageName;

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

impl BadMetadata {
    /// What `parse` makes of a field's value.
    ///
    /// # Errors
    ///
    /// [`BadMetadata::Field`] with what `parse` says is wrong.
    pub fn read<T, E: std::fmt::Display>(
        field: &'static str,
        value: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Self> {
        parse(value).map_err(|error| BadMetadata::Field {
            field,
            value: value.to_owned(),
            cause: error.to_string(),
        })
    }
}

/// Name and version of the distribution whose METADATA this is.
///
/// # Errors
///
/// [`BadMetadata`] where one of them is missing or cannot be read.
pub fn identity(bytes: &[u8]) -> Result<(PackageName, Version), BadMetadata> {
    let (mut name, mut version) = (None, None);
    for (field, value) in fields(bytes) {
        let value = value.trim();
        if field.eq_ignore_ascii_case("Name") {
            name = Some(BadMetadata::read("Name", value, str::parse)?);
        } else if field.eq_ignore_ascii_case("Version") {
            version = Some(BadMetadata::read("Version", value, str::parse)?);
        }
    }
    Ok((name.ok_or(BadMetadata::Missing("Name"))?, version.ok_or(BadMetadata::Missing("Version"))?))
}

/// The header's fields, name and value, with continuation lines joined; the description below it is not read.
pub fn fields(bytes: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
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
        let text = b"\xef\xbb\xbfMetadata-Version: 2.1\r\nname: Torch_Geometric\r\nSummary: a\r\n  b: c\r\n\
            Version: 2.8.0\r\n\r\nVersion: 3\r\n";
        let read: Vec<_> = fields(text).map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(read.len(), 4);
        assert_eq!(read[2], "Summary= a\r\n  b: c\r");
        let (name, version) = identity(text).unwrap();
        assert_eq!((name.as_ref(), version.to_string()), ("torch-geometric", "2.8.0".to_owned()));
    }

    #[test]
    fn a_field_that_is_missing_or_cannot_be_read_is_named() {
        assert_eq!(identity(b""), Err(BadMetadata::Missing("Name")));
        assert_eq!(identity(b"Name: a\n"), Err(BadMetadata::Missing("Version")));
        let error = identity(b"Name: a\nVersion: one\n").unwrap_err().to_string();
        assert!(error.contains("unreadable line `Version: one`"), "{error}");
    }
}
