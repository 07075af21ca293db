//! Versions of Python in a spec.

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
    /// Z, if given.
    pub patch: Option<u64>,
}

/// Text that is not `X.Y` or `X.Y.Z`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version such as 3.14 or 3.14.2")]
pub struct BadVersion(String);

impl TryFrom<String> for PythonRequest {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        let parts: Option<Vec<u64>> = text.split('.').map(|p| p.parse().ok()).collect();
        match parts.as_deref() {
            Some(&[major, minor]) => Ok(Self { major, minor, patch: None }),
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch: Some(patch) }),
            _ => Err(BadVersion(text)),
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
