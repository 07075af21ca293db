//! What a manifest that is pushed needs and is about. Pure.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};
use oci_digest::Digest;

/// Bytes a manifest may have: what the spec asks every registry to take.
pub(crate) const LONGEST: usize = 4 * 1024 * 1024;

/// A manifest or index that can be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) media_type: String,
    /// Config and layers that must be there; those that are fetched from elsewhere are left out.
    pub(crate) blobs: Vec<Digest>,
    /// What an index lists.
    pub(crate) manifests: Vec<Digest>,
    pub(crate) subject: Option<Digest>,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Pointer>,
    layers: Option<Vec<Pointer>>,
    manifests: Option<Vec<Pointer>>,
    subject: Option<Pointer>,
    annotations: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pointer {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    #[serde(default)]
    urls: Vec<String>,
}

impl Pointer {
    /// Layers that a registry may lack, because clients get them elsewhere.
    fn is_elsewhere(&self) -> bool {
        !self.urls.is_empty()
            || self.media_type.contains(".nondistributable.")
            || self.media_type.contains(".foreign.")
    }
}

/// Understands a manifest. `content_type` is the request's; the manifest's own media type must agree with it.
/// Errors: why it cannot be taken.
pub(crate) fn describe(bytes: &[u8], content_type: Option<&str>) -> Result<Described, String> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if raw.schema_version != 2 {
        return Err(format!("schemaVersion {} is not known, 2 is", raw.schema_version));
    }
    let is_index = raw.manifests.is_some();
    let sent = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let media_type = match (sent, raw.media_type.as_deref()) {
        (Some(sent), Some(own)) if sent != own => {
            return Err(format!("the Content-Type is {sent}, the manifest says {own}"));
        }
        (Some(media), _) | (None, Some(media)) => media,
        (None, None) if is_index => INDEX,
        (None, None) => MANIFEST,
    };
    match (media_type, is_index) {
        (INDEX | DOCKER_INDEX, true) | (MANIFEST | DOCKER_MANIFEST, false) => {}
        (INDEX | DOCKER_INDEX | MANIFEST | DOCKER_MANIFEST, _) => {
            return Err(format!("it does not have the form of {media_type}"));
        }
        _ => return Err(format!("{media_type} is not the media type of a manifest")),
    }
    if !is_index && (raw.config.is_none() || raw.layers.is_none()) {
        return Err("an image has a config and layers".to_owned());
    }
    let own_type = raw.config.as_ref().map(|config| config.media_type.clone());
    let artifact_type = raw.artifact_type.or(own_type).filter(|text| !text.is_empty());
    let layers = raw.layers.into_iter().flatten().filter(|layer| !layer.is_elsewhere());
    Ok(Described {
        media_type: media_type.to_owned(),
        blobs: raw.config.into_iter().chain(layers).map(|blob| blob.digest).collect(),
        manifests: raw.manifests.into_iter().flatten().map(|m| m.digest).collect(),
        subject: raw.subject.map(|subject| subject.digest),
        artifact_type,
        annotations: raw.annotations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_needs_its_blobs_but_not_those_that_are_elsewhere() {
        let (config, layer, far) = (Digest::of("c"), Digest::of("l"), Digest::of("f"));
        let text = serde_json::json!({
            "schemaVersion": 2, "config": {"mediaType": "application/x", "digest": config},
            "layers": [{"digest": layer}, {"digest": far, "urls": ["https://a.example"]},
                {"digest": far, "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar"}],
            "subject": {"digest": far},
        });
        let image = describe(text.to_string().as_bytes(), None).unwrap();
        assert_eq!(image.blobs, [config, layer]);
        assert_eq!((image.media_type.as_str(), image.subject), (MANIFEST, Some(far)));
        assert_eq!(image.artifact_type.as_deref(), Some("application/x"));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_a_reason() {
        let d = Digest::of("x");
        for (text, content_type, reason) in [
            ("{", None, "EOF"),
            (r#"{"schemaVersion":1}"#, None, "schemaVersion 1"),
            (r#"{"schemaVersion":2}"#, None, "config and layers"),
            (r#"{"schemaVersion":2,"layers":[]}"#, None, "config and layers"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some(MANIFEST), "form"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some("text/html"), "text/html"),
            (
                &format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#),
                Some(DOCKER_INDEX),
                "the manifest says",
            ),
            (
                &format!(r#"{{"schemaVersion":2,"config":{{"digest":"{d}x"}},"layers":[]}}"#),
                None,
                "sha256",
            ),
        ] {
            let error = describe(text.as_bytes(), content_type).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let index = describe(
            br#"{"schemaVersion":2,"manifests":[]}"#,
            Some("application/vnd.oci.image.index.v1+json; a=b"),
        );
        assert_eq!(index.unwrap().media_type, INDEX);
    }
}
