//! What both styles say.

use camino::Utf8PathBuf;
use debian_archive::KeyName;

/// A source of binary packages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its line, from 1.
    pub line: usize,
    /// The archives' addresses, as they are written.
    pub uris: Vec<String>,
    /// Suites; one that ends with `/` is the path of a flat archive.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// The architectures it is for; `None`: all that the machine has.
    pub architectures: Option<Vec<String>>,
    /// Whose signatures count; `None`: those of the keys that the machine trusts.
    pub signed_by: Option<SignedBy>,
    /// Whether it counts without a signature (`true`) or never (`false`).
    pub trusted: Option<bool>,
}

/// The value of `Signed-By`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignedBy {
    /// Keyrings, absolute paths.
    pub files: Vec<Utf8PathBuf>,
    /// Keys by their fingerprints.
    pub names: Vec<KeyName>,
    /// The keys themselves, armoured.
    pub keys: Option<String>,
}

/// A line that apt would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadSources {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl SignedBy {
    /// Paths and fingerprints, between commas or blanks.
    pub(super) fn read(text: &str, line: usize) -> Result<Self, BadSources> {
        let mut read = SignedBy::default();
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        for part in parts.filter(|part| !part.is_empty()) {
            if part.starts_with('/') {
                read.files.push(part.into());
                continue;
            }
            let name = part.parse().map_err(|_| BadSources {
                line,
                why: format!("Signed-By: `{part}` is neither an absolute path nor a fingerprint"),
            })?;
            read.names.push(name);
        }
        Ok(read)
    }
}

/// The values that apt reads as yes and no.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}
