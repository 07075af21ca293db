//! Manifests and configs, read and hashed: by digest, by tag, from a mirror where there is one.

use bytes::Bytes;
use oci_digest::Digest;
use oci_spec::distribution::Reference;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::abilities::Ability;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::model::{Document, ImageConfig, Manifest};
use crate::reference::PinnedReference;

/// A manifest or index whose bytes were hashed.
#[derive(Debug, Clone)]
pub struct Proven {
    /// Who answered.
    pub endpoint: Endpoint,
    /// Its identity.
    pub digest: Digest,
    /// What it says.
    pub document: Document,
    /// It, byte for byte.
    pub bytes: Bytes,
}

impl Client {
    /// The config of an image, with its labels.
    pub async fn config(&self, image: &PinnedReference) -> Result<ImageConfig, Error> {
        let endpoint = Endpoint::pinned(image);
        let digest = image.digest();
        let proven = self.proven_at(&endpoint, &digest.to_string(), Some(digest)).await?;
        self.config_of(&endpoint, proven.manifest()?).await
    }

    /// What a tag or digest names at an endpoint: from the mirror of the registry, if it has one that answers, else from the registry.
    pub async fn proven(
        &self,
        endpoint: Endpoint,
        name: &str,
        expected: Option<Digest>,
    ) -> Result<Proven, Error> {
        let mut last = endpoint.not_found();
        for endpoint in self.readable(endpoint) {
            match self.proven_at(&endpoint, name, expected).await {
                // Wrong bytes are an answer, and not one to pass over.
                Err(error) if endpoint.mirror && !matches!(error, Error::Integrity { .. }) => {
                    tracing::info!(%error, "the mirror does not have it, asking the registry");
                    last = error;
                }
                result => return result,
            }
        }
        Err(last)
    }

    /// The manifest or index `name` (a tag or digest), hashed.
    pub async fn proven_at(
        &self,
        endpoint: &Endpoint,
        name: &str,
        expected: Option<Digest>,
    ) -> Result<Proven, Error> {
        let fetched = self.document(endpoint, &format!("manifests/{name}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| endpoint.not_found())?;
        let digest = prove(endpoint, "the manifest", &headers, &bytes, expected)?;
        self.read.note(endpoint, digest, &bytes);
        let document = Document::parse(&bytes);
        let document = document.map_err(|cause| endpoint.malformed("the manifest", cause))?;
        Ok(Proven { endpoint: endpoint.clone(), digest, document, bytes })
    }

    /// The config that a manifest names, at the same endpoint.
    pub async fn config_of(
        &self,
        endpoint: &Endpoint,
        manifest: &Manifest,
    ) -> Result<ImageConfig, Error> {
        let bytes = self.config_bytes(endpoint, manifest).await?;
        serde_json::from_slice(&bytes).map_err(|cause| endpoint.malformed("the config", cause))
    }

    /// The same, byte for byte.
    pub async fn config_bytes(
        &self,
        endpoint: &Endpoint,
        manifest: &Manifest,
    ) -> Result<Bytes, Error> {
        let digest = manifest.config.digest;
        let fetched = self.document(endpoint, &format!("blobs/{digest}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| endpoint.missing(digest))?;
        prove(endpoint, "the config", &headers, &bytes, Some(digest))?;
        Ok(bytes)
    }

    /// The bytes of a manifest: as they were read or put earlier in this run, else from the registry. Errors:
    /// [`Error::NotFound`], [`Error::Integrity`].
    pub(crate) async fn manifest(
        &self,
        endpoint: &Endpoint,
        digest: Digest,
    ) -> Result<Bytes, Error> {
        if let Some(bytes) = self.read.get(endpoint, digest) {
            return Ok(bytes);
        }
        let fetched = self.document(endpoint, &format!("manifests/{digest}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| endpoint.not_found())?;
        prove(endpoint, "the manifest", &headers, &bytes, Some(digest))?;
        self.read.note(endpoint, digest, &bytes);
        Ok(bytes)
    }

    /// Whether the registry has a manifest with this digest (no mirror is asked).
    pub async fn exists(&self, image: &PinnedReference) -> Result<bool, Error> {
        let endpoint = Endpoint::pinned(image);
        let digest = image.digest();
        let Some(found) = self.digest_of(&endpoint, &digest.to_string()).await? else {
            return Ok(false);
        };
        check(&endpoint, "the manifest", Some(found), digest)?;
        Ok(true)
    }

    /// Whether the registry has a manifest under this digest or tag (no mirror is asked).
    pub async fn has(&self, image: &Reference) -> Result<bool, Error> {
        if let Ok(pinned) = image.whole().parse::<PinnedReference>() {
            return self.exists(&pinned).await;
        }
        let endpoint = Endpoint::new(image.registry(), image.repository(), &image.whole());
        let tag = image.tag().unwrap_or("latest");
        Ok(self.digest_of(&endpoint, tag).await?.is_some())
    }

    /// The digest of what a digest or tag names: by HEAD, or of the bytes themselves where that is not served or does not
    /// say it. `None`: there is nothing of this name.
    pub(crate) async fn digest_of(
        &self,
        endpoint: &Endpoint,
        name: &str,
    ) -> Result<Option<Digest>, Error> {
        let path = format!("manifests/{name}");
        let named = name.parse::<Digest>().ok();
        if !self.lacks.has(&endpoint.authority, Ability::HeadManifests) {
            match self.head(endpoint, &path).await {
                Ok(None) => return Ok(None),
                Ok(Some(headers)) => {
                    if let Some(digest) = stated(&headers).or(named) {
                        return Ok(Some(digest));
                    }
                }
                Err(Error::Status { status, .. }) if is_unserved(status) => {}
                Err(error) => return Err(error),
            }
            self.lacks.learn(&endpoint.authority, Ability::HeadManifests);
        }
        let fetched = self.document(endpoint, &path).await?;
        let of = |bytes| named.map_or(Digest::of(&bytes), |digest| digest.algorithm().of(&bytes));
        Ok(fetched.map(|(_, bytes)| of(bytes)))
    }
}

impl Proven {
    /// The manifest of an image.
    ///
    /// # Errors
    /// It is an index.
    pub fn manifest(&self) -> Result<&Manifest, Error> {
        match &self.document {
            Document::Image(manifest) => Ok(manifest),
            Document::Index(_) => {
                let cause = "an image manifest was expected, this is an index";
                Err(self.endpoint.malformed("the manifest", cause))
            }
        }
    }
}

/// The digest of `bytes`, which must be the expected one and the one the registry states, whatever their algorithms.
pub(crate) fn prove(
    endpoint: &Endpoint,
    what: &str,
    headers: &HeaderMap,
    bytes: &Bytes,
    expected: Option<Digest>,
) -> Result<Digest, Error> {
    let promised = [expected, stated(headers)];
    for promised in promised.into_iter().flatten() {
        let got = promised.algorithm().of(bytes);
        if got != promised {
            return Err(endpoint.contradiction(what, promised, got));
        }
    }
    let [expected, stated] = promised;
    Ok(expected.or(stated).unwrap_or_else(|| Digest::of(bytes)))
}

/// Docker-Content-Digest, when it is one we can check.
pub(crate) fn stated(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// Whether this is the answer of who does not know the method.
pub(crate) fn is_unserved(status: StatusCode) -> bool {
    matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

pub(crate) fn check(
    endpoint: &Endpoint,
    what: &str,
    stated: Option<Digest>,
    expected: Digest,
) -> Result<(), Error> {
    match stated {
        Some(got) if got.contradicts(&expected) => Err(endpoint.contradiction(what, expected, got)),
        _ => Ok(()),
    }
}
