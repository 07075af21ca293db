//! `envlock prune --json`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::digest::Digest;

/// What was older than the kept releases.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Prune<'a> {
    /// The form of this report.
    pub version: Version,
    /// Whether nothing was removed (`--dry-run`).
    pub dry_run: bool,
    /// Releases from this number on are kept.
    pub kept_from: u64,
    /// What was removed from the registries, or would be.
    pub removed: Vec<Removed>,
    /// Registries that refuse to delete, with their answers.
    pub refused: &'a BTreeMap<String, String>,
    /// How many copies of released locks were removed, or would be.
    pub locks: u64,
    /// Bytes that were freed in the user's own registry.
    pub freed_bytes: u64,
}

impl Report for Prune<'_> {
    const COMMAND: &'static str = "prune";
}

/// Something that was removed from a registry, or would be.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Removed {
    /// The record of a release.
    Record {
        /// Where it was: `HOST[:PORT]/NAME`.
        repository: String,
        /// Its number.
        release: u64,
        /// The artifact.
        digest: Digest,
    },
    /// An image with all that is about it.
    Image {
        /// Where it was: `HOST[:PORT]/NAME`.
        repository: String,
        /// The newest release that had it.
        release: u64,
        /// The image.
        digest: Digest,
    },
    /// A tag whose image stays.
    Tag {
        /// Where it was: `HOST[:PORT]/NAME`.
        repository: String,
        /// The tag.
        tag: String,
    },
}
