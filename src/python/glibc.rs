//! Versions of the GNU C library, by which PEP 600 names platforms.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A glibc version, `2.39`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GlibcVersion {
    /// 2
    pub major: u16,
    /// 39
    pub minor: u16,
}

/// Text that is not `X.Y`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version such as 2.39")]
pub struct BadGlibcVersion(String);

impl TryFrom<String> for GlibcVersion {
    type Error = BadGlibcVersion;
    fn try_from(text: String) -> Result<Self, BadGlibcVersion> {
        let parts = text.split_once('.').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(major), Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(BadGlibcVersion(text)),
        }
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<GlibcVersion> for String {
    fn from(value: GlibcVersion) -> String {
        value.to_string()
    }
}
