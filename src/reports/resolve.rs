//! `envlock resolve --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{LockFile, Report, Version};
use crate::lock::Diff;

/// What was resolved, checked or compared.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Resolve<'a> {
    /// A run, with `--dry-run` too.
    Resolved {
        /// The form of this report.
        version: Version,
        /// Whether the file changed.
        written: bool,
        /// What env.lock holds now, or would.
        lock: LockFile<'a>,
        /// What is new in it.
        diff: &'a Diff,
        /// What keeps newer versions out, a sentence each.
        held_back: &'a [String],
        /// What nobody would expect of the set, a sentence each.
        surprises: &'a [String],
        /// What a build still lacks, a sentence each.
        unpinned: &'a [String],
    },
    /// With `--check`.
    Checked {
        /// The form of this report.
        version: Version,
        /// Whether the lock answers the spec.
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
        /// What it is compared with, as it was asked for.
        before: &'a str,
        /// What is new in the lock.
        diff: &'a Diff,
    },
}

impl Report for Resolve<'_> {
    const COMMAND: &'static str = "resolve";
}
