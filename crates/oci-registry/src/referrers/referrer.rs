//! An entry of a list of referrers (distribution spec 1.1, "Listing Referrers"). Pure.

use std::collections::BTreeMap;

use oci_digest::Digest;
use serde::{Deserialize, Deserializer, Serialize};

/// An artifact about an image, as a list of referrers shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// Of the manifest.
    pub media_type: String,
    /// The manifest's identity.
    pub digest: Digest,
    /// Bytes of the manifest.
    pub size: u64,
    /// What it is; some registries leave it out.
    #[serde(default, deserialize_with = "or_null")]
    pub artifact_type: String,
    /// Facts.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

fn or_null<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
