//! `envlock cache --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::store::Pruned;

/// The folder of the cache, or what was removed from it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Cache<'a> {
    /// `cache dir`
    Dir {
        /// The form of this report.
        version: Version,
        /// The folder.
        dir: &'a str,
    },
    /// `cache prune`
    Prune {
        /// The form of this report.
        version: Version,
        /// Whether nothing was removed (`--dry-run`).
        dry_run: bool,
        /// What was removed, or would be.
        pruned: Pruned,
    },
}

impl Report for Cache<'_> {
    const COMMAND: &'static str = "cache";
}
