//! The chosen distributions, and the facts of their wheels' bytes.

use pep508_rs::{ExtraName, PackageName};

use super::Candidate;
use crate::digest::Sha256;
use crate::lock::Upload;
use crate::spec::GroupName;

/// One distribution of the set.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its wheel.
    pub candidate: Candidate,
    /// The group it ships with.
    pub group: GroupName,
    /// The requirements that name it, as written.
    pub requested: Vec<String>,
    /// The distributions that need it, sorted.
    pub required_by: Vec<PackageName>,
    /// Its active extras, sorted.
    pub extras: Vec<ExtraName>,
}

/// Facts of a chosen wheel's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WheelFacts {
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of all files in it.
    pub unpacked_size: u64,
    /// The sha256 that its index states; computed where the index states none.
    pub sha256: Sha256,
    /// When it was uploaded, where there is a cut-off.
    pub uploaded: Option<Upload>,
    /// Whether METADATA lacks the local part of the version in the file name.
    pub bare_metadata: bool,
}
