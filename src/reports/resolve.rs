//! `envlock resolve --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{LockFile, Report, Version};
use crate::lock::Diff;

/// The result of a resolve, check or comparison.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Resolve<'a> {
    /// A resolve, also with `--dry-run`.
    Resolved {
        /// The form of this report.
        version: Version,
        /// Whether the file changed.
        written: bool,
        /// The content of env.lock now, or as it would be.
        lock: LockFile<'a>,
        /// The changes in it.
        diff: &'a Diff,
        /// What holds newer versions back, a sentence each.
        held_back: &'a [String],
        /// What is unexpected in the set, a sentence each.
        surprises: &'a [String],
        /// What is still missing for a build, a sentence each.
        unpinned: &'a [String],
    },
    /// With `--check`.
    Checked {
        /// The form of this report.
        version: Version,
        /// Whether the lock matches the spec.
        fresh: bool,
        /// Why not, a sentence each.
        reasons: &'a [String],
    },
    /// With `--diff`.
    Compared {
        /// The form of this report.
        version: Version,
        /// The lock's file.
        lock: &'a str,
        /// What it is compared with, as requested.
        before: &'a str,
        /// The changes in the lock.
        diff: &'a Diff,
    },
}

impl Report for Resolve<'_> {
    const COMMAND: &'static str = "resolve";
}
