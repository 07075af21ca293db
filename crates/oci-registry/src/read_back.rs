//! Checks that an image is complete in a registry.

use futures_util::{StreamExt, TryStreamExt, stream};
use oci_digest::Digest;
use reqwest::header::CONTENT_LENGTH;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::manifests::{check, stated};
use crate::model::{Descriptor, Document, Manifest};
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
    /// Reads an image back after a push: the manifest by digest, hashed; the config and every layer
    /// asked for by HEAD, with their sizes.
    ///
    /// Errors: [`Error::NotFound`] and [`Error::MissingBlob`] (exit 8), [`Error::Integrity`]
    /// (exit 6).
    pub async fn read_back(&self, reference: &PinnedReference) -> Result<Image, Error> {
        let endpoint = &Endpoint::pinned(reference);
        let mut manifests = Vec::new();
        match self.manifest_of(endpoint, reference.digest()).await? {
            Document::Image(manifest) => manifests.push(manifest),
            Document::Index(entries) => {
                for entry in entries {
                    match self.manifest_of(endpoint, entry.digest).await? {
                        Document::Image(manifest) => manifests.push(manifest),
                        Document::Index(_) => {
                            return Err(endpoint.malformed("the index", "it holds another index"));
                        }
                    }
                }
            }
        }
        let image = Image { reference: reference.clone(), manifests };
        let mut blobs: Vec<_> = image.blobs().collect();
        blobs.sort_unstable_by_key(|blob| blob.digest);
        blobs.dedup_by_key(|blob| blob.digest);
        let checks: Vec<_> =
            blobs.into_iter().map(|blob| self.check_blob(endpoint, blob)).collect();
        stream::iter(checks).buffer_unordered(CONCURRENCY).try_collect::<Vec<()>>().await?;
        Ok(image)
    }

    async fn manifest_of(&self, endpoint: &Endpoint, digest: Digest) -> Result<Document, Error> {
        Ok(self.proven_at(endpoint, &digest.to_string(), Some(digest)).await?.document)
    }

    async fn check_blob(&self, endpoint: &Endpoint, blob: &Descriptor) -> Result<(), Error> {
        let digest = blob.digest;
        let headers = self.head(endpoint, &format!("blobs/{digest}")).await?;
        let headers = headers.ok_or_else(|| endpoint.missing(digest))?;
        let what = format!("the blob {digest}");
        check(endpoint, &what, stated(&headers), digest)?;
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        match length {
            Some(length) if length != blob.size => {
                let (expected, got) = (bytes(blob.size), bytes(length));
                Err(endpoint.contradiction(what, expected, got))
            }
            _ => Ok(()),
        }
    }
}

fn bytes(count: u64) -> String {
    format!("{count} bytes")
}
