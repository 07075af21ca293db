//! Where a file is, without a host.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::spec::SourceName;

/// `SOURCE:/PATH`: a source's name and the URL path of the file there. Never a host, so that a
/// mirror does not make a lock stale.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Location {
    /// A source of the spec.
    pub source: SourceName,
    /// An absolute URL path, percent-encoded as the index gave it.
    pub path: String,
}

/// Text that is not `SOURCE:/PATH`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a location (SOURCE:/PATH)")]
pub struct BadLocation(String);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.path)
    }
}

impl FromStr for Location {
    type Err = BadLocation;
    fn from_str(text: &str) -> Result<Self, BadLocation> {
        let bad = || BadLocation(text.to_owned());
        let (source, path) = text.split_once(':').ok_or_else(bad)?;
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(bad());
        }
        Ok(Location { source: source.parse().map_err(|_| bad())?, path: path.to_owned() })
    }
}

impl From<Location> for String {
    fn from(value: Location) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for Location {
    type Error = BadLocation;
    fn try_from(text: String) -> Result<Self, BadLocation> {
        text.parse()
    }
}
