//! `envlock rollback --json`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// What was restored, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rollback<'a> {
    /// The form of this report.
    pub version: Version,
    /// Whether nothing was written (`--dry-run`).
    pub dry_run: bool,
    /// The release that was restored; 0: the state before the first.
    pub to: u64,
    /// The number under which this was recorded; null: nothing was written.
    pub release: Option<u64>,
    /// Each image by digest.
    pub images: &'a BTreeMap<ImageName, PinnedReference>,
    /// Values that someone changed by hand, a sentence each.
    pub conflicts: Vec<String>,
    /// The changes of files, as a unified diff.
    pub diff: &'a str,
}

impl Report for Rollback<'_> {
    const COMMAND: &'static str = "rollback";
}
