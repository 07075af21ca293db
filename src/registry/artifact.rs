//! Artifacts about an image: manifests with a subject (image spec 1.1, "Guidelines for artifact usage"). They never
//! change the image: its digest does not know of them. Making one is pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::address::Address;
use super::model::{INDEX, MANIFEST};
use super::pin::prove;
use super::plain::{KIND, MEDIA_TYPE, Plain, SUBJECT, unpacked};
use super::{Client, Descriptor, Error, Held, Referrer, Source};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;
use crate::ui::Bar;

/// The config of a manifest that has none.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// What is to be said about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What it is: `application/vnd.cyclonedx+json`.
    pub artifact_type: String,
    /// What it is about.
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
    /// They were made just now, as nobody else makes them: no registry is asked whether it has them.
    pub is_new: bool,
}

/// An artifact as a registry has it, proven by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub reference: PinnedReference,
    /// What it is.
    pub artifact_type: String,
    /// What it is about.
    pub subject: Option<Digest>,
    /// Facts.
    pub annotations: BTreeMap<String, String>,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its content, not read yet.
    pub parts: Vec<Descriptor>,
    /// Whether it is kept as an image ([`super::plain`]), so that each part is an archive.
    pub(super) plain: bool,
}

impl Artifact {
    /// The digest of its manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(self.manifest())
    }

    /// Whether this is its digest, in whatever form it is kept.
    pub fn is(&self, digest: Digest) -> bool {
        digest == self.digest() || digest == Plain::of(self).digest()
    }

    /// As lists of referrers show it.
    pub(super) fn described(&self) -> Value {
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

impl Client {
    /// What an artifact about this image needs to know of it. Errors: [`Error::NotFound`].
    pub async fn subject(&self, image: &PinnedReference) -> Result<Subject, Error> {
        let address = Address::pinned(image);
        let digest = image.digest();
        let bytes = self.manifest(&address, digest).await?;
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: Option<String>,
            manifests: Option<Vec<Value>>,
        }
        let typed: Typed = serde_json::from_slice(&bytes)
            .map_err(|cause| address.malformed("the manifest", cause))?;
        let plain = if typed.manifests.is_some() { INDEX } else { MANIFEST };
        let media_type = typed.media_type.unwrap_or_else(|| plain.to_owned());
        Ok(Subject { media_type, digest, size: bytes.len() as u64 })
    }

    /// Brings content into a repository ahead of the artifact that will name it; until then it is in nobody's way.
    pub async fn bring_parts(&self, to: &Repository, parts: &[Part]) -> Result<(), Error> {
        let held = |part: &Part| match part.is_new {
            true => Held::just_made(part.bytes.clone()),
            false => Held::new(part.bytes.clone()),
        };
        let empty = Held::new(Bytes::from_static(b"{}"));
        self.bring(to, parts.iter().map(held).chain([empty])).await
    }

    pub(super) async fn bring(
        &self,
        to: &Repository,
        blobs: impl Iterator<Item = Held>,
    ) -> Result<(), Error> {
        let blobs: Vec<_> = blobs.map(|blob| Source::Ours(Arc::new(blob))).collect();
        let bar = Bar::hidden();
        try_join_all(blobs.iter().map(|blob| self.place(to, blob, &bar))).await.map(|_| ())
    }

    /// Pushes an artifact beside its image, with its blobs, under its digest or a tag: whoever must not take that from
    /// another one looks first. Whether lists of referrers show it now.
    pub(super) async fn put_artifact(
        &self,
        to: &Repository,
        artifact: &Artifact,
        name: &str,
    ) -> Result<bool, Error> {
        self.bring_parts(to, &artifact.parts).await?;
        let (manifest, digest) = (artifact.manifest(), artifact.digest());
        let address = Address::pinned(&to.pinned(digest));
        let headers = self.put(&address, &manifest, name).await?;
        self.note(&address, digest, &manifest);
        // A registry with the referrers API says in its answer that it took note.
        Ok(headers.contains_key("oci-subject"))
    }

    /// The artifact under a digest or tag, hashed, in whatever form it is kept. `None`: there is none of this name.
    pub async fn artifact(&self, at: &Repository, name: &str) -> Result<Option<Found>, Error> {
        let address = Address::new(&at.registry, &at.name, &format!("{at}:{name}"));
        let fetched = self.document(&address, &format!("manifests/{name}")).await?;
        let Some((headers, bytes)) = fetched else { return Ok(None) };
        let digest = prove(&address, "the manifest", &headers, &bytes, name.parse().ok())?;
        let raw: RawArtifact = serde_json::from_slice(&bytes)
            .map_err(|cause| address.malformed("the manifest", cause))?;
        Ok(Some(raw.found(at.pinned(digest), bytes.len() as u64)))
    }

    /// The file of this media type in an artifact, hashed; `None`: it has none. Errors: [`Error::MissingBlob`],
    /// [`Error::Integrity`].
    pub async fn content(&self, of: &Found, media_type: &str) -> Result<Option<Bytes>, Error> {
        let part = of.parts.iter().find(|part| part.media_type == media_type);
        let Some(part) = part else { return Ok(None) };
        let bytes = self.part(&of.reference, part).await?;
        if !of.plain {
            return Ok(Some(bytes));
        }
        let cause = |cause| Address::pinned(&of.reference).malformed("the layer", cause);
        unpacked(&bytes).map(Some).map_err(cause)
    }

    /// The bytes of one part of an artifact or image as they are stored, hashed. Errors: [`Error::MissingBlob`],
    /// [`Error::Integrity`].
    pub async fn part(&self, of: &PinnedReference, part: &Descriptor) -> Result<Bytes, Error> {
        let address = Address::pinned(of);
        let what = format!("the blob {}", part.digest);
        let fetched = self.document(&address, &format!("blobs/{}", part.digest)).await?;
        let (headers, bytes) = fetched.ok_or_else(|| address.missing(part.digest))?;
        prove(&address, &what, &headers, &bytes, Some(part.digest))?;
        Ok(bytes)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawArtifact {
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<RawPart>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawPart {
    #[serde(flatten)]
    blob: Descriptor,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl RawArtifact {
    /// What it is, for which a plain image has annotations.
    fn found(mut self, reference: PinnedReference, size: u64) -> Found {
        let own = self.config.map(|config| config.media_type).unwrap_or_default();
        let kind = self.annotations.remove(KIND);
        let about = self.annotations.remove(SUBJECT);
        let plain = kind.is_some();
        let part = |RawPart { mut blob, mut annotations }: RawPart| {
            if let Some(media_type) = annotations.remove(MEDIA_TYPE).filter(|_| plain) {
                blob.media_type = media_type;
            }
            blob
        };
        Found {
            reference,
            size,
            artifact_type: kind.or(self.artifact_type).unwrap_or(own),
            subject: match plain {
                true => about.and_then(|digest| digest.parse().ok()),
                false => self.subject.map(|subject| subject.digest),
            },
            annotations: self.annotations,
            parts: self.layers.into_iter().map(part).collect(),
            plain,
        }
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
        let read: Value = serde_json::from_slice(&artifact.manifest()).unwrap();
        assert_eq!(read["subject"]["digest"], digest.to_string());
        assert_eq!(read["layers"][0]["annotations"]["org.opencontainers.image.title"], "x.txt");
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(read["config"]["digest"], empty);
        assert_eq!(read["annotations"], json!({"a": "b"}));
    }
}
