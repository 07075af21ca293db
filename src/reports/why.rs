//! `envlock why --json`

use pep440_rs::Version as PackageVersion;
use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::lock::Package;
use crate::spec::GroupName;

/// How the spec leads to a locked package.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Why<'a> {
    /// The form of this report.
    pub version: Version,
    /// The package.
    pub package: Locked<'a>,
    /// The shortest paths to it, each from a requirement of the spec, shortest first.
    pub paths: Vec<Vec<Step<'a>>>,
}

impl Report for Why<'_> {
    const COMMAND: &'static str = "why";
}

/// The package that was asked about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Locked<'a> {
    /// Its name, normalized.
    #[schemars(with = "String")]
    pub name: &'a PackageName,
    /// Its version.
    #[schemars(with = "String")]
    pub version: &'a PackageVersion,
    /// The group it ships with.
    pub group: &'a GroupName,
    /// What the spec decided about it: constraint, override, metadata, prereleases, denied, hashes; wish: a requirement
    /// of another file.
    pub rules: &'a [String],
}

/// A package on a path.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step<'a> {
    /// Its name, normalized.
    #[schemars(with = "String")]
    pub name: &'a PackageName,
    /// Its version.
    #[schemars(with = "String")]
    pub version: &'a PackageVersion,
    /// The requirements of the spec that name it.
    pub requested: &'a [String],
}

impl<'a> From<&'a Package> for Step<'a> {
    fn from(package: &'a Package) -> Self {
        let Package { name, version, requested, .. } = package;
        Step { name, version, requested }
    }
}
