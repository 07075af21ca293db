//! Versions of Python and glibc as the spec asks for them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `X.Y` (the newest patch release) or `X.Y.Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PythonRequest {
    /// X
    pub major: u64,
    /// Y
    pub minor: u64,
    /// Z, when asked for.
    pub patch: Option<u64>,
}

/// A glibc version, `2.39`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GlibcVersion {
    /// 2
    pub major: u16,
    /// 39
    pub minor: u16,
}

/// Text that is not `X.Y` or `X.Y.Z`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version such as {1}")]
pub struct BadVersion(String, &'static str);

impl TryFrom<String> for PythonRequest {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        let parts: Option<Vec<u64>> = text.split('.').map(|p| p.parse().ok()).collect();
        match parts.as_deref() {
            Some(&[major, minor]) => Ok(Self { major, minor, patch: None }),
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch: Some(patch) }),
            _ => Err(BadVersion(text, "3.14 or 3.14.2")),
        }
    }
}

impl fmt::Display for PythonRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

impl From<PythonRequest> for String {
    fn from(value: PythonRequest) -> String {
        value.to_string()
    }
}

impl TryFrom<String> for GlibcVersion {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        let parts = text.split_once('.').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(major), Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(BadVersion(text, "2.39")),
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
