//! Pushes an image: blobs, config, manifest by digest, read-back, tags; in this order, so
//! that no tag ever refers to an incomplete image.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use oci_digest::Digest;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::SemaphorePermit;

use crate::blob::{InMemory, Source};
use crate::client::{Client, refused};
use crate::endpoint::Endpoint;
use crate::error::{Error, if_readable};
use crate::manifests::stated;
use crate::model::media_type::MANIFEST;
use crate::progress::{Placed, Progress, Step, unseen};
use crate::read_back::Image;
use crate::reference::Repository;
use crate::upload::body::BodySource;
use crate::upload::open_upload::OpenUpload;
use crate::upload::upload::Upload;

/// Blobs that are looked at at the same time; fewer of them are sent ([`Client::with_uploads`]).
const LOOKS: usize = 8;

/// An image to be pushed.
#[derive(Debug, Clone)]
pub struct Push<'a> {
    /// Where.
    pub to: &'a Repository,
    /// Its layers.
    pub layers: &'a [Source],
    /// The image config.
    pub config: Bytes,
    /// The manifest, byte for byte.
    pub manifest: Bytes,
    /// Names for it; may be empty.
    pub tags: &'a [String],
}

/// An image that is in a registry, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The image as the registry has it.
    pub image: Image,
    /// Each layer, and last the config; empty when the image was there, whole.
    pub blobs: Vec<(Digest, Placed)>,
}

impl Pushed {
    /// Bytes that were put on the way, repeated ones included.
    pub fn sent(&self) -> u64 {
        let sent = |placed: &Placed| if let Placed::Sent(bytes) = placed { *bytes } else { 0 };
        self.blobs.iter().map(|(_, placed)| sent(placed)).sum()
    }
}

impl Client {
    /// Pushes an image and reads it back. What is there already is not sent again, so a push that failed continues where it
    /// stopped. `progress`: of each layer, in their order; layers that have none are not watched.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Integrity`], [`Error::Changed`], everything a registry refuses or loses.
    pub async fn push(
        &self,
        push: &Push<'_>,
        progress: &[Arc<dyn Progress>],
    ) -> Result<Pushed, Error> {
        let pushed = self.push_in_order(push, progress).await;
        self.cancel_uploads().await;
        pushed
    }

    async fn push_in_order(
        &self,
        push: &Push<'_>,
        progress: &[Arc<dyn Progress>],
    ) -> Result<Pushed, Error> {
        let pinned = push.to.pinned(Digest::of(&push.manifest));
        // A token for reading alone is often refused for a repository that does not exist yet.
        self.access.ask_to_push(&Endpoint::pinned(&pinned), None);
        let there = match if_readable(self.exists(&pinned).await.map(Some))?.unwrap_or(false) {
            false => None,
            // A manifest whose blobs were deleted is made whole again.
            true => match self.read_back(&pinned).await {
                Err(Error::MissingBlob { .. }) => None,
                read => Some(read?),
            },
        };
        let (image, blobs) = match there {
            Some(image) => {
                progress.iter().for_each(|layer| layer.is_placed(Placed::Present));
                (image, vec![])
            }
            None => {
                let hidden = unseen();
                let config = Source::Ours(Arc::new(InMemory::new(push.config.clone())));
                let place = async |(at, layer): (usize, &Source)| -> Result<_, Error> {
                    Ok((
                        at,
                        layer.digest(),
                        self.place(push.to, layer, progress.get(at).unwrap_or(&hidden)).await?,
                    ))
                };
                let mut layers: Vec<_> = push.layers.iter().enumerate().collect();
                // The largest first: else one of them may be sent alone in the end.
                layers.sort_by_key(|(_, layer)| Reverse(layer.size()));
                // A list, not a lazy iterator: else the whole push could not be spawned.
                let layers: Vec<_> = layers.into_iter().map(place).collect();
                // In any order: a refusal is returned before the rest is sent.
                let layers = stream::iter(layers).buffer_unordered(LOOKS);
                let mut layers: Vec<_> = layers.try_collect().await?;
                layers.sort_unstable_by_key(|(at, ..)| *at);
                let mut blobs: Vec<_> =
                    layers.into_iter().map(|(_, digest, placed)| (digest, placed)).collect();
                blobs.push((config.digest(), self.place(push.to, &config, &hidden).await?));
                self.put_manifest(push.to, &push.manifest).await?;
                (self.read_back(&pinned).await?, blobs)
            }
        };
        for tag in push.tags {
            self.put_tag(push.to, &push.manifest, tag).await?;
        }
        Ok(Pushed { image, blobs })
    }

    /// Whether the repository has a blob.
    pub async fn has_blob(&self, to: &Repository, digest: Digest) -> Result<bool, Error> {
        let endpoint = endpoint_of(to, digest);
        let Some(headers) = if_readable(self.head(&endpoint, &format!("blobs/{digest}")).await)?
        else {
            return Ok(false);
        };
        endpoint.check(stated(&headers), digest)?;
        Ok(true)
    }

    /// Brings a blob into a repository: found there, mounted from another repository of the
    /// registry, or sent. Of several calls for one blob in one run only one sends it; layers may so
    /// be placed while others are still being made. `progress` gets its progress.
    pub async fn place(
        &self,
        to: &Repository,
        blob: &Source,
        progress: &Arc<dyn Progress>,
    ) -> Result<Placed, Error> {
        let digest = blob.digest();
        let endpoint = endpoint_of(to, digest);
        let places = self.uploads.places(&endpoint, digest);
        progress.waits();
        let mut places = places.lock().await;
        let mut placed = Placed::Present;
        if !places.contains(&to.name) {
            let neighbour = match blob {
                Source::Base { from, .. } if from.registry() == to.registry => {
                    Some(from.repository()).filter(|from| *from != to.name)
                }
                _ => None,
            };
            let from = places.first().map(String::as_str).or(neighbour).map(str::to_owned);
            self.access.ask_to_push(&endpoint, from.as_deref());
            let is_new = matches!(blob, Source::Ours(blob) if blob.is_new());
            let there = async { Ok(!is_new && self.has_blob(to, digest).await?) };
            placed = match from {
                Some(from) => match there.await? {
                    true => Placed::Present,
                    false => self.mount_or_send(&endpoint, blob, &from, progress).await?,
                },
                None => match self.uploads.slot_unless(there).await? {
                    None => Placed::Present,
                    Some(slot) => self.send_blob(&endpoint, blob, None, slot, progress).await?,
                },
            };
            places.push(to.name.clone());
        }
        progress.is_placed(placed);
        Ok(placed)
    }

    async fn mount_or_send(
        &self,
        endpoint: &Endpoint,
        blob: &Source,
        from: &str,
        progress: &Arc<dyn Progress>,
    ) -> Result<Placed, Error> {
        let Some(open) = self.mount(endpoint, blob.digest(), from).await? else {
            return Ok(Placed::Mounted);
        };
        let slot = self.uploads.slot().await;
        self.send_blob(endpoint, blob, Some(open), slot, progress).await
    }

    async fn send_blob(
        &self,
        endpoint: &Endpoint,
        blob: &Source,
        open: Option<OpenUpload<'_>>,
        _slot: SemaphorePermit<'_>,
        progress: &Arc<dyn Progress>,
    ) -> Result<Placed, Error> {
        let (digest, size) = (blob.digest(), blob.size());
        let body = match blob {
            Source::Ours(blob) => BodySource::Ours(blob.clone()),
            Source::Base { from, .. } => {
                BodySource::Remote(self.remote(from, digest, size).await?.into())
            }
        };
        let open = match open {
            Some(open) => open,
            None => self.open_upload(endpoint, blob.digest()).await?,
        };
        let step = if matches!(blob, Source::Ours(_)) { Step::Send } else { Step::Copy };
        progress.begins(step, size);
        let upload = Upload::new(self, endpoint.clone(), (digest, size), body, progress);
        Ok(Placed::Sent(upload.run(open).await?))
    }

    /// Puts a manifest under its digest. Its blobs must be there.
    pub async fn put_manifest(&self, to: &Repository, manifest: &Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(manifest);
        let pinned = to.pinned(digest);
        self.put(&Endpoint::pinned(&pinned), manifest, &digest.to_string()).await?;
        Ok(digest)
    }

    /// Makes a tag mean this manifest. A tag that does so already is left alone: some registries
    /// refuse to write any tag twice.
    pub async fn put_tag(
        &self,
        to: &Repository,
        manifest: &Bytes,
        tag: &str,
    ) -> Result<Digest, Error> {
        let digest = Digest::of(manifest);
        let endpoint = Endpoint::at(to, &format!("{to}:{tag}"));
        self.access.ask_to_push(&endpoint, None);
        if if_readable(self.digest_of(&endpoint, tag).await)? == Some(digest) {
            return Ok(digest);
        }
        self.put(&endpoint, manifest, tag).await?;
        Ok(digest)
    }

    /// Puts a manifest under a digest or tag; the answer's headers.
    pub(crate) async fn put(
        &self,
        endpoint: &Endpoint,
        manifest: &Bytes,
        name: &str,
    ) -> Result<HeaderMap, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: Option<String>,
        }
        let digest = Digest::of(manifest);
        let typed: Typed = serde_json::from_slice(manifest)
            .map_err(|error| endpoint.malformed("the manifest to be pushed", error))?;
        let media_type = typed.media_type.unwrap_or_else(|| MANIFEST.to_owned());
        let media_type = HeaderValue::try_from(media_type)
            .map_err(|error| endpoint.malformed("the manifest to be pushed", error))?;
        self.access.ask_to_push(endpoint, None);
        let url = self.url(endpoint, &format!("manifests/{name}")).await?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type)]);
        let mut budget = self.budget();
        let sent =
            self.send_to(endpoint, Method::PUT, &url, &headers, manifest.clone(), &mut budget);
        let answer = sent.await?;
        if !answer.status().is_success() {
            return Err(refused(endpoint, answer).await);
        }
        endpoint.check(stated(answer.headers()), digest)?;
        Ok(answer.headers().clone())
    }
}

/// The address of a repository, for messages about one of its blobs.
fn endpoint_of(to: &Repository, digest: Digest) -> Endpoint {
    Endpoint::at(to, &format!("the blob {digest} for {to}"))
}

#[cfg(test)]
mod tests {
    use http_retry::Retry;

    use super::*;
    use crate::client::Settings;

    #[tokio::test]
    async fn a_push_may_run_beside_other_work() {
        fn may_be_spawned<T: Send>(work: T) -> T {
            work
        }
        let net = http_retry::Client::new(Retry::default()).unwrap().offline();
        let client = Client::new(net, Settings::of("test"));
        let to = Repository { registry: "127.0.0.1:1".to_owned(), name: "team/ray".to_owned() };
        let blob = Source::Ours(Arc::new(InMemory::new(Bytes::from_static(b"x"))));
        let (layers, progress) = ([blob.clone()], unseen());
        let (config, manifest) = (Bytes::new(), Bytes::from_static(b"{}"));
        let push = Push { to: &to, layers: &layers, config, manifest, tags: &[] };
        let placed = may_be_spawned(client.place(&to, &blob, &progress)).await;
        assert!(placed.unwrap_err().is_unreachable());
        let pushed = may_be_spawned(client.push(&push, &[progress])).await;
        assert!(pushed.unwrap_err().is_unreachable());
    }
}
