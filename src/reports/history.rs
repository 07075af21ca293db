//! `envlock history --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::release::Record;

/// The releases.
#[derive(Debug, Serialize, JsonSchema)]
pub struct History<'a> {
    /// The form of this report.
    pub version: Version,
    /// The build that runs; 0: none.
    pub current: u64,
    /// Oldest first, each as its line in env.releases.jsonl; `v` is the format of that line.
    pub releases: &'a [Record],
}

impl Report for History<'_> {
    const COMMAND: &'static str = "history";
}
