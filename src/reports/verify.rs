//! `envlock verify --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::attestation::Finding;
use crate::reference::PinnedReference;
use crate::verify::checks::ImageReport;

/// How images are.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Verify<'a> {
    /// They were run.
    Run {
        /// The form of this report.
        version: Version,
        /// Whether no check failed.
        sound: bool,
        /// What ran the images.
        runtime: Runtime<'a>,
        /// What was found of each.
        images: &'a [ImageReport],
    },
    /// With `--supply`: what lies beside them was read.
    Supply {
        /// The form of this report.
        version: Version,
        /// Whether nothing is missing and nothing contradicts the rest.
        sound: bool,
        /// What was found of each.
        images: Vec<SupplyImage<'a>>,
    },
}

impl Report for Verify<'_> {
    const COMMAND: &'static str = "verify";
}

/// What ran the images.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Runtime<'a> {
    /// `docker` or `podman`
    pub program: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// What lies beside an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SupplyImage<'a> {
    /// The image.
    pub image: &'a PinnedReference,
    /// One a link of the chain.
    pub findings: &'a [Finding],
}
