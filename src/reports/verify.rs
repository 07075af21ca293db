//! `envlock verify --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::attestation::Finding;
use crate::reference::PinnedReference;
use crate::verify::checks::ImageReport;

/// The results of checking images.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Verify<'a> {
    /// The images were run.
    Run {
        /// The form of this report.
        version: Version,
        /// Whether no check failed.
        sound: bool,
        /// The container runtime.
        runtime: Runtime<'a>,
        /// The results of each image.
        images: &'a [ImageReport],
    },
    /// With `--supply`: the artifacts beside the images were checked.
    Supply {
        /// The form of this report.
        version: Version,
        /// Whether nothing is missing and nothing contradicts the rest.
        sound: bool,
        /// The results of each image.
        images: Vec<SupplyImage<'a>>,
    },
}

impl Report for Verify<'_> {
    const COMMAND: &'static str = "verify";
}

/// The container runtime.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Runtime<'a> {
    /// `docker` or `podman`
    pub program: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// The artifacts beside an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SupplyImage<'a> {
    /// The image.
    pub image: &'a PinnedReference,
    /// A check for each link of the chain.
    pub findings: &'a [Finding],
}
