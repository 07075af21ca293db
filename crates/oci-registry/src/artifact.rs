//! Artifacts about an image: manifests with a subject (image spec 1.1, "Guidelines for artifact usage"). They never
//! change the image: its digest does not know of them. Making one is pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci_digest::Digest;
use serde_json::{Map, Value, json};

use crate::model::Descriptor;
use crate::model::media_type::MANIFEST;
use crate::reference::PinnedReference;
use crate::referrers::referrer::Referrer;

/// The config of a manifest that has none.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// An artifact to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its type: `application/vnd.cyclonedx+json`.
    pub artifact_type: String,
    /// Its subject.
    pub subject: Subject,
    /// Facts that lists of referrers show.
    pub annotations: BTreeMap<String, String>,
    /// Its content.
    pub parts: Vec<Part>,
}

/// The manifest that an artifact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `application/vnd.oci.image.manifest.v1+json`
    pub media_type: String,
    /// Its identity.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the bytes are.
    pub media_type: String,
    /// The file's name, for tools that unpack.
    pub name: String,
    /// The bytes.
    pub bytes: Bytes,
    /// Whether they are new, so that no registry can have them and none is asked.
    pub is_new: bool,
}

/// An artifact as a registry has it, proven by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub reference: PinnedReference,
    /// What it is.
    pub artifact_type: String,
    /// Its subject.
    pub subject: Option<Digest>,
    /// Facts.
    pub annotations: BTreeMap<String, String>,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its content, not read yet.
    pub parts: Vec<Descriptor>,
    /// Whether it is kept as an image ([`crate::referrers::plain`]), so that each part is an archive.
    pub(crate) plain: bool,
}

impl Artifact {
    /// The digest of its manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(self.manifest())
    }

    /// As lists of referrers show it.
    pub(crate) fn described(&self) -> Value {
        let manifest = self.manifest();
        let referrer = Referrer {
            media_type: MANIFEST.to_owned(),
            digest: Digest::of(&manifest),
            size: manifest.len() as u64,
            artifact_type: self.artifact_type.clone(),
            annotations: self.annotations.clone(),
        };
        serde_json::to_value(referrer).expect("a descriptor always serializes")
    }

    /// The manifest, byte for byte: the same content gives the same bytes.
    pub fn manifest(&self) -> Bytes {
        let part = |part: &Part| {
            let annotations = json!({ "org.opencontainers.image.title": part.name });
            json!({ "mediaType": part.media_type, "digest": Digest::of(&part.bytes),
                "size": part.bytes.len(), "annotations": annotations })
        };
        let Subject { media_type, digest, size } = &self.subject;
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": self.artifact_type,
            "config": { "mediaType": EMPTY, "digest": Digest::of("{}"), "size": 2, "data": "e30=" },
            "layers": self.parts.iter().map(part).collect::<Vec<_>>(),
            "subject": { "mediaType": media_type, "digest": digest, "size": size },
        });
        if !self.annotations.is_empty() {
            let all = self.annotations.iter().map(|(key, value)| (key.clone(), json!(value)));
            manifest["annotations"] = Value::Object(all.collect::<Map<_, _>>());
        }
        manifest.to_string().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_the_same_every_time_and_has_what_the_spec_asks_for() {
        let digest = Digest::of("image");
        let artifact = Artifact {
            artifact_type: "text/x".to_owned(),
            subject: Subject { media_type: MANIFEST.to_owned(), digest, size: 5 },
            annotations: [("a".to_owned(), "b".to_owned())].into(),
            parts: vec![Part {
                media_type: "text/plain".to_owned(),
                name: "x.txt".to_owned(),
                bytes: Bytes::from_static(b"x"),
                is_new: false,
            }],
        };
        assert_eq!(artifact.manifest(), artifact.clone().manifest());
        // A digest is of these bytes, in this order.
        let written = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"text/x","config":{{"mediaType":"{EMPTY}","digest":"{}","size":2,"data":"e30="}},"layers":[{{"mediaType":"text/plain","digest":"{}","size":1,"annotations":{{"org.opencontainers.image.title":"x.txt"}}}}],"subject":{{"mediaType":"{MANIFEST}","digest":"{digest}","size":5}},"annotations":{{"a":"b"}}}}"#,
            Digest::of("{}"),
            Digest::of("x"),
        );
        assert_eq!(artifact.manifest(), written);
        let read: Value = serde_json::from_slice(&artifact.manifest()).unwrap();
        assert_eq!(read["subject"]["digest"], digest.to_string());
        assert_eq!(read["layers"][0]["annotations"]["org.opencontainers.image.title"], "x.txt");
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(read["config"]["digest"], empty);
        assert_eq!(read["annotations"], json!({"a": "b"}));
    }
}
