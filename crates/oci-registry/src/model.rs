//! Manifests, indexes and configs (OCI image spec 1.1, Docker schema 2), as far as they are used.

use std::collections::BTreeMap;

use oci_digest::Digest;
use serde::Deserialize;

/// What a manifest request accepts.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// Media types of manifests (OCI image spec 1.1).
pub mod media_type {
    /// An image.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// A list of images by platform.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
}

/// A pointer to bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are.
    #[serde(default)]
    pub media_type: String,
    /// Their identity.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// In an index: what the image runs on.
    pub platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `linux`
    #[serde(default)]
    pub os: String,
    /// `amd64`
    #[serde(default)]
    pub architecture: String,
    /// `v8`
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// `linux/amd64`, `linux/arm/v7`
    pub fn name(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant].map(String::as_str);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// An image: its config and layers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The image config.
    pub config: Descriptor,
    /// Oldest first.
    pub layers: Vec<Descriptor>,
}

/// What a digest can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Image(Manifest),
    /// Images by platform.
    Index(Vec<Descriptor>),
}

impl Document {
    /// Reads one; they are distinguished by their fields, because the media type is optional in both.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Either {
            manifests: Option<Vec<Descriptor>>,
        }
        let either: Either = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        match either.manifests {
            Some(manifests) => Ok(Document::Index(manifests)),
            None => serde_json::from_slice(bytes).map(Document::Image).map_err(|e| e.to_string()),
        }
    }
}

/// An image's config blob.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    /// What it runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// RFC 3339.
    pub created: Option<String>,
    /// What a container starts with.
    #[serde(default)]
    config: Option<RunConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RunConfig {
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

impl ImageConfig {
    /// `ENV`, the last value of each name.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let list = self.config.iter().flat_map(|c| c.env.iter().flatten());
        list.filter_map(|e| e.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect()
    }

    /// `LABEL`.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.config.iter().find_map(|c| c.labels.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_indexes_are_told_apart_without_a_media_type() {
        let d = Digest::of("x");
        let blob = format!(r#"{{"digest":"{d}","size":1}}"#);
        let image = format!(r#"{{"schemaVersion":2,"config":{blob},"layers":[{blob}]}}"#);
        assert!(matches!(Document::parse(image.as_bytes()), Ok(Document::Image(_))));
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{blob}]}}"#);
        assert!(matches!(Document::parse(index.as_bytes()), Ok(Document::Index(_))));
        assert!(Document::parse(br#"{"schemaVersion":1,"fsLayers":[]}"#).is_err());
    }

    #[test]
    fn a_config_without_anything_is_read() {
        let text = r#"{"os":"linux","architecture":"amd64","config":null}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.platform.name(), "linux/amd64");
        assert!(config.environment().is_empty() && config.labels().is_empty());
    }
}
