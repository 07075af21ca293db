//! Artifacts in registries: what their manifests need to know of an image, their content, and reading them in whatever
//! form they are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::Value;

use crate::artifact::{Artifact, Found, Part, Subject};
use crate::blob::{InMemory, Source};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::manifests::prove;
use crate::model::Descriptor;
use crate::model::media_type::{INDEX, MANIFEST};
use crate::progress::unseen;
use crate::reference::{PinnedReference, Repository};
use crate::referrers::plain::{Names, unpacked};

impl Client {
    /// What an artifact about this image needs to know of it. Errors: [`Error::NotFound`].
    pub async fn subject(&self, image: &PinnedReference) -> Result<Subject, Error> {
        let endpoint = Endpoint::pinned(image);
        let digest = image.digest();
        let bytes = self.manifest(&endpoint, digest).await?;
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: Option<String>,
            manifests: Option<Vec<Value>>,
        }
        let typed: Typed = serde_json::from_slice(&bytes)
            .map_err(|cause| endpoint.malformed("the manifest", cause))?;
        let plain = if typed.manifests.is_some() { INDEX } else { MANIFEST };
        let media_type = typed.media_type.unwrap_or_else(|| plain.to_owned());
        Ok(Subject { media_type, digest, size: bytes.len() as u64 })
    }

    /// Uploads content to a repository before the artifact that will name it; until then nothing refers to it.
    pub async fn upload_parts(&self, to: &Repository, parts: &[Part]) -> Result<(), Error> {
        let held = |part: &Part| match part.is_new {
            true => InMemory::fresh(part.bytes.clone()),
            false => InMemory::new(part.bytes.clone()),
        };
        let empty = InMemory::new(Bytes::from_static(b"{}"));
        self.upload_all(to, parts.iter().map(held).chain([empty])).await
    }

    pub(crate) async fn upload_all(
        &self,
        to: &Repository,
        blobs: impl Iterator<Item = InMemory>,
    ) -> Result<(), Error> {
        let blobs: Vec<_> = blobs.map(|blob| Source::Ours(Arc::new(blob))).collect();
        let progress = unseen();
        try_join_all(blobs.iter().map(|blob| self.place(to, blob, &progress))).await.map(|_| ())
    }

    /// Pushes an artifact beside its image, with its blobs, under its digest or a tag: a caller that must not
    /// overwrite another one checks first. Returns whether lists of referrers show it now.
    pub(crate) async fn put_artifact(
        &self,
        to: &Repository,
        artifact: &Artifact,
        name: &str,
    ) -> Result<bool, Error> {
        self.upload_parts(to, &artifact.parts).await?;
        let (manifest, digest) = (artifact.manifest(), artifact.digest());
        let endpoint = Endpoint::pinned(&to.pinned(digest));
        let headers = self.put(&endpoint, &manifest, name).await?;
        self.read.note(&endpoint, digest, &manifest);
        // A registry with the referrers API says in its answer that it took note.
        Ok(headers.contains_key("oci-subject"))
    }

    /// The artifact under a digest or tag, hashed, in whatever form it is kept. `None`: there is none of this name.
    pub async fn artifact(&self, at: &Repository, name: &str) -> Result<Option<Found>, Error> {
        let endpoint = Endpoint::at(at, &format!("{at}:{name}"));
        let fetched = self.document(&endpoint, &format!("manifests/{name}")).await?;
        let Some((headers, bytes)) = fetched else { return Ok(None) };
        let digest = prove(&endpoint, "the manifest", &headers, &bytes, name.parse().ok())?;
        let raw: RawArtifact = serde_json::from_slice(&bytes)
            .map_err(|cause| endpoint.malformed("the manifest", cause))?;
        Ok(Some(raw.found(at.pinned(digest), bytes.len() as u64, &Names::of(&self.program))))
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
        let cause = |cause| Endpoint::pinned(&of.reference).malformed("the layer", cause);
        unpacked(&bytes).map(Some).map_err(cause)
    }

    /// The bytes of one part of an artifact or image as they are stored, hashed. Errors: [`Error::MissingBlob`],
    /// [`Error::Integrity`].
    pub async fn part(&self, of: &PinnedReference, part: &Descriptor) -> Result<Bytes, Error> {
        let endpoint = Endpoint::pinned(of);
        let what = format!("the blob {}", part.digest);
        let fetched = self.document(&endpoint, &format!("blobs/{}", part.digest)).await?;
        let (headers, bytes) = fetched.ok_or_else(|| endpoint.missing(part.digest))?;
        prove(&endpoint, &what, &headers, &bytes, Some(part.digest))?;
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
    fn found(mut self, reference: PinnedReference, size: u64, names: &Names) -> Found {
        let own = self.config.map(|config| config.media_type).unwrap_or_default();
        let kind = self.annotations.remove(&names.kind);
        let about = self.annotations.remove(&names.subject);
        let plain = kind.is_some();
        let part = |RawPart { mut blob, mut annotations }: RawPart| {
            if let Some(media_type) = annotations.remove(&names.media_type).filter(|_| plain) {
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
