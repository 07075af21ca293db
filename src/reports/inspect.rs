//! `envlock inspect --json`

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::digest::{Digest, Sha256};
use crate::reference::PinnedReference;

/// What is known of an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Inspect<'a> {
    /// The form of this report.
    pub version: Version,
    /// The image.
    pub image: &'a PinnedReference,
    /// Its digest.
    pub digest: Digest,
    /// The image it was built on, from its label; null: it has none.
    pub base: Option<PinnedReference>,
    /// When it was made, from its config: RFC 3339.
    pub created: Option<&'a str>,
    /// The labels in its config.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// The numbers of the releases it is recorded in, rising.
    pub releases: &'a BTreeSet<u64>,
    /// The lock it was built from; null: it was not found.
    pub lock: Option<Lock<'a>>,
    /// Its layers, from the lowest.
    pub layers: Vec<Layer<'a>>,
    /// Artifacts about the image, as the registry lists them.
    pub referrers: Vec<Referrer<'a>>,
}

impl Report for Inspect<'_> {
    const COMMAND: &'static str = "inspect";
}

/// The lock an image was built from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lock<'a> {
    /// Of its bytes.
    pub sha256: Sha256,
    /// Where it was found, as text.
    pub from: &'a str,
    /// The packages it pins.
    pub packages: Vec<Package<'a>>,
}

/// A distribution in a lock.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Package<'a> {
    /// Its name, normalized.
    #[schemars(with = "String")]
    pub name: &'a PackageName,
    /// Its version.
    pub version: String,
}

/// A layer of the image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Layer<'a> {
    /// Of its bytes as the registry stores them.
    pub digest: Digest,
    /// How many bytes these are.
    pub size: u64,
    /// Its name in the lock; null: it is not in the lock, or there is no lock.
    pub name: Option<&'a str>,
}

/// An artifact about the image (OCI distribution spec, "Listing Referrers").
#[derive(Debug, Serialize, JsonSchema)]
pub struct Referrer<'a> {
    /// Of its manifest.
    pub media_type: &'a str,
    /// Of its manifest.
    pub digest: Digest,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its artifact type; empty where the registry does not state one.
    pub artifact_type: &'a str,
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
}
