//! `envlock outdated --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::solve::Behind;

/// Which locked packages have newer versions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outdated<'a> {
    /// The form of this report.
    pub version: Version,
    /// The packages, those of the spec's requirements first.
    pub outdated: &'a [Behind],
}

impl Report for Outdated<'_> {
    const COMMAND: &'static str = "outdated";
}
