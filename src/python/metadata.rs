//! Core metadata (PEP 566/643): the few fields that decide what is installed.

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName, Requirement, VerbatimUrl};

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
