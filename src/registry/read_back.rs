//! Proof that an image is in a registry, whole.

use futures_util::{StreamExt, TryStreamExt, stream};
use oci_spec::distribution::Reference;
use reqwest::StatusCode;
use reqwest::header::CONTENT_LENGTH;

use super::abilities::Ability;
use super::address::Address;
use super::model::{Document, Manifest};
use super::pin::stated;
use super::{Client, Descriptor, Error};
use crate::digest::Digest;
use crate::reference::PinnedReference;

/// Requests at the same time.
const CONCURRENCY: usize = 8;

/// An image that a registry has, with all its blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Where.
    pub reference: PinnedReference,
    /// The manifests: one, or for an index one a platform.
    pub manifests: Vec<Manifest>,
}

impl Image {
    /// Bytes of its configs and layers as they are stored, each blob counted once.
    pub fn size(&self) -> u64 {
        let mut blobs: Vec<_> = self.blobs().map(|b| (b.digest, b.size)).collect();
        blobs.sort_unstable();
        blobs.dedup();
        blobs.iter().map(|(_, size)| size).sum()
    }

    fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().flat_map(|m| m.layers.iter().chain([&m.config]))
    }
}

impl Client {
    /// Whether the registry has a manifest with this digest (no mirror is asked).
    pub async fn exists(&self, image: &PinnedReference) -> Result<bool, Error> {
        let address = Address::pinned(image);
        let digest = image.digest();
        let Some(found) = self.digest_of(&address, &digest.to_string()).await? else {
            return Ok(false);
        };
        check(&address, "the manifest", Some(found), digest)?;
        Ok(true)
    }

    /// Whether the registry has a manifest under this digest or tag (no mirror is asked).
    pub async fn has(&self, image: &Reference) -> Result<bool, Error> {
        if let Ok(pinned) = image.whole().parse::<PinnedReference>() {
            return self.exists(&pinned).await;
        }
        let address = Address::new(image.registry(), image.repository(), &image.whole());
        let tag = image.tag().unwrap_or("latest");
        Ok(self.digest_of(&address, tag).await?.is_some())
    }

    /// The digest of what a digest or tag names: by HEAD, or of the bytes themselves where that is not served or does not
    /// say it. `None`: there is nothing of this name.
    pub(super) async fn digest_of(
        &self,
        address: &Address,
        name: &str,
    ) -> Result<Option<Digest>, Error> {
        let path = format!("manifests/{name}");
        let named = name.parse::<Digest>().ok();
        if !self.lacks(&address.authority, Ability::HeadManifests) {
            match self.head(address, &path).await {
                Ok(None) => return Ok(None),
                Ok(Some(headers)) => {
                    if let Some(digest) = stated(&headers).or(named) {
                        return Ok(Some(digest));
                    }
                }
                Err(Error::Status { status, .. }) if is_unserved(status) => {}
                Err(error) => return Err(error),
            }
            self.learn_lack(&address.authority, Ability::HeadManifests);
        }
        let fetched = self.document(address, &path).await?;
        let of = |bytes| named.map_or(Digest::of(&bytes), |digest| digest.algorithm().of(&bytes));
        Ok(fetched.map(|(_, bytes)| of(bytes)))
    }

    /// Reads an image back after a push: the manifest by digest, hashed; the config and every layer
    /// asked for by HEAD, with their sizes.
    ///
    /// Errors: [`Error::NotFound`] and [`Error::MissingBlob`] (exit 8), [`Error::Integrity`]
    /// (exit 6).
    pub async fn read_back(&self, reference: &PinnedReference) -> Result<Image, Error> {
        let address = &Address::pinned(reference);
        let mut manifests = Vec::new();
        match self.manifest_of(address, reference.digest()).await? {
            Document::Image(manifest) => manifests.push(manifest),
            Document::Index(entries) => {
                for entry in entries {
                    match self.manifest_of(address, entry.digest).await? {
                        Document::Image(manifest) => manifests.push(manifest),
                        Document::Index(_) => {
                            return Err(address.malformed("the index", "it holds another index"));
                        }
                    }
                }
            }
        }
        let image = Image { reference: reference.clone(), manifests };
        let mut blobs: Vec<_> = image.blobs().collect();
        blobs.sort_unstable_by_key(|blob| blob.digest);
        blobs.dedup_by_key(|blob| blob.digest);
        let checks: Vec<_> = blobs.into_iter().map(|blob| self.check_blob(address, blob)).collect();
        stream::iter(checks).buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        Ok(image)
    }

    async fn manifest_of(&self, address: &Address, digest: Digest) -> Result<Document, Error> {
        Ok(self.proven_at(address, &digest.to_string(), Some(digest)).await?.document)
    }

    async fn check_blob(&self, address: &Address, blob: &Descriptor) -> Result<(), Error> {
        let digest = blob.digest;
        let headers = self.head(address, &format!("blobs/{digest}")).await?;
        let headers = headers.ok_or_else(|| address.missing(digest))?;
        let what = format!("the blob {digest}");
        check(address, &what, stated(&headers), digest)?;
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        match length {
            Some(length) if length != blob.size => {
                let (expected, got) = (bytes(blob.size), bytes(length));
                Err(address.contradiction(what, expected, got))
            }
            _ => Ok(()),
        }
    }
}

/// Whether this is the answer of who does not know the method.
pub(super) fn is_unserved(status: StatusCode) -> bool {
    matches!(status, StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

fn check(
    address: &Address,
    what: &str,
    stated: Option<Digest>,
    expected: Digest,
) -> Result<(), Error> {
    match stated {
        Some(got) if got.contradicts(&expected) => Err(address.contradiction(what, expected, got)),
        _ => Ok(()),
    }
}

fn bytes(count: u64) -> String {
    format!("{count} bytes")
}
