//! What an index offers for one project, after everything that cannot run on the target is gone.

use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::{Sha256, Stated};
use crate::lock::Location;
use crate::spec::SourceName;

/// What a source has of one project, for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Normalized.
    pub name: PackageName,
    /// The source that answered.
    pub source: SourceName,
    /// The best wheel of each version, newest version first. Never an sdist.
    pub candidates: Vec<Candidate>,
    /// The versions without a usable wheel, newest first, and why.
    pub skipped: Vec<Skipped>,
    /// Why its index keeps all files of it back (PEP 792), where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// The files that would run here and were withdrawn (PEP 592): one by one, not a version at a time.
    #[serde(default)]
    pub withdrawn: Vec<String>,
}

/// A wheel that can be installed on the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Normalized.
    pub name: PackageName,
    /// As in the file name, local part included.
    pub version: Version,
    /// The wheel's file name, decoded (`+`, not `%2B`).
    pub file: String,
    /// Where it can be fetched now, without fragment.
    pub url: Url,
    /// What the lock remembers of `url`.
    pub location: Location,
    /// As the page states it; unproven until the bytes were hashed.
    pub sha256: Option<Sha256>,
    /// What the page states in other algorithms; held to wherever the bytes are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stated: Vec<Stated>,
    /// Bytes, when the page says so.
    pub size: Option<u64>,
    /// Data-requires-python; wheels that exclude the target are already gone.
    pub requires_python: Option<VersionSpecifiers>,
    /// PEP 592, of the wheel itself: there is no other of this version that runs here. Only a `==` may choose it.
    pub yanked: bool,
    /// PEP 700 or data-upload-time.
    pub uploaded: Option<Timestamp>,
    /// PEP 658.
    pub sidecar: Sidecar,
}

/// Whether a `.metadata` file stands beside the wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sidecar {
    /// Not announced.
    None,
    /// Announced without a hash.
    Unhashed,
    /// Announced with the hash of its bytes.
    Hashed(Sha256),
}

/// A version that cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub version: Version,
    /// Why not.
    pub why: Skip,
}

/// Why a version cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Skip {
    /// Only a source distribution.
    NoWheel,
    /// Wheels, but none for this Python, platform or glibc; what there is instead (`cp313`, …).
    NoMatchingWheel(Vec<String>),
    /// Requires-Python excludes the target.
    RequiresPython(VersionSpecifiers),
    /// Uploaded at this moment, which is not before the cut-off.
    TooNew(Timestamp),
    /// The file name is not a wheel's, or its version not PEP 440.
    Unreadable(String),
    /// A rule of the spec forbids it; what follows the version in a sentence. No index says so.
    Ruled(String),
}
