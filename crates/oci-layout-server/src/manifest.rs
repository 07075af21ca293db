//! The blobs that a pushed manifest needs, and its subject. Pure.

use std::collections::HashMap;

use oci_digest::Digest;
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType, SCHEMA_VERSION};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::media_type::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};

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
    pub(crate) artifact_type: Option<MediaType>,
    pub(crate) annotations: Option<HashMap<String, String>>,
}

/// The media type, which distinguishes the two forms.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
}

/// Understands a manifest. `content_type` is the request's; the manifest's own media type must agree with it.
///
/// # Errors
/// Why it cannot be taken.
pub(crate) fn describe(bytes: &[u8], content_type: Option<&str>) -> Result<Described, String> {
    let form: Form = parse(bytes)?;
    if form.schema_version != SCHEMA_VERSION {
        return Err(format!("schemaVersion {} is not known, 2 is", form.schema_version));
    }
    let media_type = media_type(&form, content_type)?;
    if form.manifests.is_some() { index(bytes, media_type) } else { image(bytes, media_type) }
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn media_type(form: &Form, content_type: Option<&str>) -> Result<String, String> {
    let is_index = form.manifests.is_some();
    let sent = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let media_type = match (sent, form.media_type.as_deref()) {
        (Some(sent), Some(own)) if sent != own => {
            return Err(format!("the Content-Type is {sent}, the manifest says {own}"));
        }
        (Some(media), _) | (None, Some(media)) => media,
        (None, None) if is_index => INDEX,
        (None, None) => MANIFEST,
    };
    match (media_type, is_index) {
        (INDEX | DOCKER_INDEX, true) | (MANIFEST | DOCKER_MANIFEST, false) => {
            Ok(media_type.to_owned())
        }
        (INDEX | DOCKER_INDEX | MANIFEST | DOCKER_MANIFEST, _) => {
            Err(format!("it does not have the form of {media_type}"))
        }
        _ => Err(format!("{media_type} is not the media type of a manifest")),
    }
}

fn image(bytes: &[u8], media_type: String) -> Result<Described, String> {
    let image: ImageManifest = parse(bytes)?;
    let own_type = image.artifact_type().as_ref().unwrap_or(image.config().media_type());
    let layers = image.layers().iter().filter(|layer| !is_elsewhere(layer));
    let blobs = std::iter::once(image.config()).chain(layers).map(digest);
    Ok(Described {
        media_type,
        blobs: blobs.collect::<Result<_, _>>()?,
        manifests: vec![],
        subject: image.subject().as_ref().map(digest).transpose()?,
        artifact_type: Some(own_type.clone()).filter(|media| !media.as_ref().is_empty()),
        annotations: image.annotations().clone(),
    })
}

fn index(bytes: &[u8], media_type: String) -> Result<Described, String> {
    let index: ImageIndex = parse(bytes)?;
    Ok(Described {
        media_type,
        blobs: vec![],
        manifests: index.manifests().iter().map(digest).collect::<Result<_, _>>()?,
        subject: index.subject().as_ref().map(digest).transpose()?,
        artifact_type: index.artifact_type().clone().filter(|media| !media.as_ref().is_empty()),
        annotations: index.annotations().clone(),
    })
}

/// A layer that a registry may lack, because clients get it elsewhere.
fn is_elsewhere(layer: &Descriptor) -> bool {
    let media_type = layer.media_type().as_ref();
    layer.urls().as_ref().is_some_and(|urls| !urls.is_empty())
        || media_type.contains(".nondistributable.")
        || media_type.contains(".foreign.")
}

/// A digest with an algorithm that is known here.
fn digest(of: &Descriptor) -> Result<Digest, String> {
    of.digest().as_ref().parse().map_err(|error: oci_digest::BadDigest| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn descriptor(of: Digest, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": of, "size": 1})
    }

    #[test]
    fn an_image_needs_its_blobs_but_not_those_that_are_elsewhere() {
        let (config, layer, far) = (Digest::of("c"), Digest::of("l"), Digest::of("f"));
        let mut with_urls = descriptor(far, "application/y");
        with_urls["urls"] = json!(["https://a.example"]);
        let nowhere = "application/vnd.oci.image.layer.nondistributable.v1.tar";
        let text = json!({
            "schemaVersion": 2, "config": descriptor(config, "application/x"),
            "layers": [descriptor(layer, "application/y"), with_urls, descriptor(far, nowhere)],
            "subject": descriptor(far, MANIFEST),
        });
        let image = describe(text.to_string().as_bytes(), None).unwrap();
        assert_eq!(image.blobs, [config, layer]);
        assert_eq!((image.media_type.as_str(), image.subject), (MANIFEST, Some(far)));
        assert_eq!(image.artifact_type, Some("application/x".into()));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_a_reason() {
        let config = descriptor(Digest::of("x"), "application/x");
        let with = |key: &str, value: Value| {
            let mut config = config.clone();
            config[key] = value;
            json!({"schemaVersion": 2, "config": config, "layers": []}).to_string()
        };
        let mut without_size = config.clone();
        without_size.as_object_mut().unwrap().remove("size");
        let without_size = json!({"schemaVersion": 2, "config": without_size, "layers": []});
        let sha384 = format!("sha384:{}", "a".repeat(96));
        for (text, content_type, reason) in [
            ("{", None, "EOF"),
            (r#"{"schemaVersion":1}"#, None, "schemaVersion 1"),
            (r#"{"schemaVersion":2}"#, None, "config"),
            (r#"{"schemaVersion":2,"layers":[]}"#, None, "config"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some(MANIFEST), "form"),
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some("text/html"), "text/html"),
            (
                &format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#),
                Some(DOCKER_INDEX),
                "the manifest says",
            ),
            (&with("digest", json!(format!("{}x", Digest::of("x")))), None, "digest"),
            (&with("digest", json!(sha384)), None, "sha384"),
            (&without_size.to_string(), None, "size"),
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
