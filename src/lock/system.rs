//! System packages in the lock: which .deb files, of which archives, on which day.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Location;
use crate::digest::Sha256;
use crate::spec::{ImageName, SourceName};

/// The archives that system packages were chosen from, as they were on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemPin {
    /// The distribution, which is also the name of its source: `debian`, `ubuntu`.
    pub source: SourceName,
    /// Of what was asked: the requests, whether recommended packages count, and the base image.
    pub question_sha256: Sha256,
    /// Its suite, as the base image's os-release calls it: `trixie`.
    pub suite: String,
    /// dpkg's name of the architecture: `amd64`.
    pub architecture: String,
    /// The sections of the archive that are used: `main`.
    pub components: Vec<String>,
    /// Packages whose maintainer scripts are left out although nothing is known of what they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_scripts: Vec<String>,
    /// The suite and those that update it, as they were read.
    #[serde(rename = "archive")]
    pub archives: Vec<ArchivePin>,
}

/// One InRelease file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ArchivePin {
    /// `trixie`, `trixie-updates`, `trixie-security`.
    pub suite: String,
    /// Of the bytes of InRelease.
    pub in_release_sha256: Sha256,
    /// The day of this state of the archive: InRelease's Date.
    pub date: Timestamp,
    /// The fingerprint of the key that signed it, hexadecimal.
    pub signed_by: String,
}

/// A .deb file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemPackage {
    /// As dpkg knows it: `libc6-dev`.
    pub name: String,
    /// With epoch and revision: `1:2.41-12`.
    pub version: String,
    /// `amd64`, or `all`.
    pub architecture: String,
    /// The image that it is added in, for it and all that continue it; absent: every image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageName>,
    /// The requests that name it, as written; empty for a dependency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<String>,
    /// The packages that need it, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<String>,
    /// The version of it that the base image has and that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The file's name.
    pub file: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that it takes installed, as the package says.
    pub installed_size: u64,
    /// Of the file's bytes.
    pub sha256: Sha256,
    /// The archive it is in, one of those in `[system]`.
    pub archive: String,
    /// Where it is, below the archive's address.
    pub location: Location,
}
