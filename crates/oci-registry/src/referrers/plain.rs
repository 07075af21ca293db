//! What is about an image as an image of its own, for registries that take nothing else: an ordinary config, and layers
//! that are archives of one file each, so that any tool can pull it. Annotations say what it is. Pure.

use std::io::Read;

use bytes::Bytes;
use oci_digest::Digest;
use serde_json::{Map, Value, json};

use crate::artifact::Artifact;
use crate::model::media_type::MANIFEST;

/// What such images are marked by, for one program.
#[derive(Debug)]
pub(crate) struct Names {
    program: String,
    /// An annotation of the manifest: the artifact type that it stands for.
    pub(crate) kind: String,
    /// An annotation of the manifest: the digest of the image that it is about.
    pub(crate) subject: String,
    /// An annotation of a layer: the media type of the file in it.
    pub(crate) media_type: String,
}

impl Names {
    /// Those of this program.
    pub(crate) fn of(program: &str) -> Self {
        let annotation = |name: &str| format!("dev.{program}.{name}");
        Names {
            program: program.to_owned(),
            kind: annotation("artifact-type"),
            subject: annotation("subject"),
            media_type: annotation("media-type"),
        }
    }

    /// The tag of what has none: another one for each content, so that it is never written twice.
    pub(crate) fn tag(&self, subject: &Digest, plain: &Plain) -> String {
        let own = plain.digest().hex();
        format!("{}{}", self.stem(subject), &own[..16])
    }

    /// What such tags about an image begin with.
    pub(crate) fn stem(&self, subject: &Digest) -> String {
        format!("{}.{}-", subject.referrers_tag(), self.program)
    }
}

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An artifact in the form of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    /// The manifest, byte for byte.
    pub(crate) manifest: Bytes,
    /// The config, then the layers.
    pub(crate) blobs: Vec<Bytes>,
}

impl Plain {
    /// The same artifact gives the same bytes.
    pub(crate) fn of(artifact: &Artifact, names: &Names) -> Self {
        let layers: Vec<_> =
            artifact.parts.iter().map(|part| packed(&part.name, &part.bytes)).collect();
        let diff_ids: Vec<_> = layers.iter().map(Digest::of).collect();
        let config = json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = Bytes::from(config.to_string());
        let described = artifact.parts.iter().zip(&layers).map(|(part, layer)| {
            json!({ "mediaType": LAYER, "digest": Digest::of(layer), "size": layer.len(),
                "annotations": { "org.opencontainers.image.title": part.name, (&*names.media_type): part.media_type } })
        });
        let own = [
            (&names.kind, artifact.artifact_type.clone()),
            (&names.subject, artifact.subject.digest.to_string()),
        ];
        let annotations: Map<String, Value> = (artifact.annotations.iter())
            .map(|(name, value)| (name.clone(), json!(value)))
            .chain(own.map(|(name, value)| (name.clone(), json!(value))))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": Digest::of(&config), "size": config.len() },
            "layers": described.collect::<Vec<_>>(),
            "annotations": annotations,
        });
        let manifest = Bytes::from(manifest.to_string());
        Plain { manifest, blobs: std::iter::once(config).chain(layers).collect() }
    }

    /// Its identity.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// An archive with one file, whose bytes depend on nothing else.
fn packed(name: &str, content: &[u8]) -> Bytes {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, name, content).expect("a short name, and memory");
    archive.into_inner().expect("memory").into()
}

/// The file in such an archive. Errors: it is none.
pub(crate) fn unpacked(archive: &[u8]) -> std::io::Result<Bytes> {
    let mut archive = tar::Archive::new(archive);
    let first = archive.entries()?.next();
    let mut file = first.ok_or_else(|| std::io::Error::other("the archive is empty"))??;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Part, Subject};

    #[test]
    fn an_artifact_becomes_an_image_that_says_what_it_is() {
        let subject =
            Subject { media_type: MANIFEST.to_owned(), digest: Digest::of("image"), size: 5 };
        let part = Part {
            media_type: "text/x".to_owned(),
            name: "x.txt".to_owned(),
            bytes: Bytes::from_static(b"content"),
            is_new: false,
        };
        let artifact = Artifact {
            artifact_type: "application/vnd.example".to_owned(),
            subject,
            annotations: [("a".to_owned(), "b".to_owned())].into(),
            parts: vec![part],
        };
        let names = Names::of("example");
        let plain = Plain::of(&artifact, &names);
        assert_eq!(plain, Plain::of(&artifact, &names));
        let read: Value = serde_json::from_slice(&plain.manifest).unwrap();
        assert!(read.get("artifactType").is_none() && read.get("subject").is_none());
        assert_eq!(read["config"]["mediaType"], CONFIG);
        assert_eq!(read["annotations"]["dev.example.artifact-type"], "application/vnd.example");
        assert_eq!(read["annotations"]["dev.example.subject"], artifact.subject.digest.to_string());
        assert_eq!(read["annotations"]["a"], "b");
        assert_eq!(read["layers"][0]["annotations"]["dev.example.media-type"], "text/x");
        let config: Value = serde_json::from_slice(&plain.blobs[0]).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::of(&plain.blobs[1]).to_string());
        assert_eq!(unpacked(&plain.blobs[1]).unwrap(), "content");
        assert!(unpacked(b"").is_err() && unpacked(&[1; 600]).is_err());
        let tag = names.tag(&artifact.subject.digest, &plain);
        assert!(tag.starts_with(&names.stem(&artifact.subject.digest)) && tag.len() < 128, "{tag}");
    }
}
