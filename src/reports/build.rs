//! `envlock build --json`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::digest::{Digest, Sha256};
use crate::image::Plan;
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// The result of a build.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Build<'a> {
    /// With `--dry-run`.
    Planned {
        /// The form of this report.
        version: Version,
        /// The plan.
        plan: &'a Plan,
        /// The change of the files that name images, as a unified diff, with placeholders for the digests; may be
        /// empty.
        config: &'a str,
    },
    /// With `--prepare`.
    Prepared {
        /// The form of this report.
        version: Version,
        /// The `docker build` lines.
        commands: &'a [String],
    },
    /// Without `--push`, by the engine `dockerfile`: the images are in the local Docker.
    Loaded {
        /// The form of this report.
        version: Version,
        /// Their tags there.
        loaded: &'a [String],
        /// Their digests, by name.
        digests: &'a BTreeMap<ImageName, Digest>,
    },
    /// The images are in a registry.
    Pushed {
        /// The form of this report.
        version: Version,
        /// Each image by digest.
        images: &'a BTreeMap<ImageName, PinnedReference>,
        /// The number of the release; null: nothing changed, or it was a build without --push.
        release: Option<u64>,
        /// The SHA-256 of env.lock as `resolve` wrote it.
        lock: Sha256,
        /// How many packages the lock has.
        packages: usize,
        /// What changed in files, as a unified diff; null: it was a build without --push.
        diff: Option<&'a str>,
    },
}

impl Report for Build<'_> {
    const COMMAND: &'static str = "build";
}
