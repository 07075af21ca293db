//! An image into a repository: blobs, config, manifest by digest, proof, tags; in this order, so
//! that no name ever means an image that is not whole.

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use tokio::sync::SemaphorePermit;

use super::abandoned::Open;
use super::address::Address;
use super::beside::unknown;
use super::client::refused;
use super::feed::Feed;
use super::pin::stated;
use super::upload::Upload;
use super::{Client, Error, Held, Image, Source};
use crate::digest::Digest;
use crate::image::Repository;
use crate::ui::{Bar, Stage};

/// Blobs that are looked at at the same time; fewer of them are sent ([`Client::with_uploads`]).
const LOOKS: usize = 8;

/// What is done to a blob that must be sent; of a base, it is copied.
pub const SENDING: &[Stage] = &[Stage::Send];
/// The same, of a blob in another registry.
pub const COPYING: &[Stage] = &[Stage::Copy];

/// What is said of a blob that need not be sent.
const THERE: &str = "already there";

/// The media type of a manifest that does not say its own.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image that is to be in a repository.
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

/// How a blob came to be where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It was there.
    Present,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent: bytes that were put on the way, repeated ones included.
    Sent(u64),
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
    /// Pushes an image and reads it back. What is there already is not sent again, so a push that
    /// failed goes on where it was. Each layer is a part of `bar`.
    ///
    /// Errors: [`Error::Unreachable`] (exit 5), [`Error::Integrity`] and [`Error::Changed`] (exit
    /// 6), everything a registry refuses or loses (exit 8).
    pub async fn push(&self, push: &Push<'_>, bar: &Bar) -> Result<Pushed, Error> {
        let line = |layer: &Source| bar.part(layer.digest().to_string(), layer.size(), SENDING);
        self.push_layers(push, &push.layers.iter().map(line).collect::<Vec<_>>()).await
    }

    /// As [`Client::push`], with a bar for each layer.
    pub async fn push_layers(&self, push: &Push<'_>, bars: &[Bar]) -> Result<Pushed, Error> {
        let pushed = self.push_in_order(push, bars).await;
        self.end_abandoned().await;
        pushed
    }

    async fn push_in_order(&self, push: &Push<'_>, bars: &[Bar]) -> Result<Pushed, Error> {
        let pinned = push.to.pinned(Digest::of(&push.manifest));
        // A token for reading alone is often refused for a repository that does not exist yet.
        self.ask_to_push(&Address::pinned(&pinned), None);
        let there = match unknown(self.exists(&pinned).await.map(Some))?.unwrap_or(false) {
            false => None,
            // A manifest whose blobs were deleted is made whole again.
            true => match self.read_back(&pinned).await {
                Err(Error::MissingBlob { .. }) => None,
                read => Some(read?),
            },
        };
        let (image, blobs) = match there {
            Some(image) => {
                bars.iter().for_each(|bar| bar.done(THERE));
                (image, vec![])
            }
            None => {
                let config = Source::Ours(Arc::new(Held::new(push.config.clone())));
                let place = async |(at, layer): (usize, &Source)| -> Result<_, Error> {
                    Ok((at, layer.digest(), self.place(push.to, layer, &bars[at]).await?))
                };
                let mut layers: Vec<_> = push.layers.iter().enumerate().collect();
                // The largest first: else one of them may be sent alone in the end.
                layers.sort_by_key(|(_, layer)| Reverse(layer.size()));
                // A list, not a lazy iterator: else the whole push could not be spawned.
                let layers: Vec<_> = layers.into_iter().map(place).collect();
                // In any order: what is refused is told before the rest is sent.
                let layers = stream::iter(layers).buffer_unordered(LOOKS);
                let mut layers: Vec<_> = layers.try_collect().await?;
                layers.sort_unstable_by_key(|(at, ..)| *at);
                let mut blobs: Vec<_> =
                    layers.into_iter().map(|(_, digest, placed)| (digest, placed)).collect();
                blobs.push((config.digest(), self.place(push.to, &config, &Bar::hidden()).await?));
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
        let address = address_of(to, digest);
        let Some(headers) = unknown(self.head(&address, &format!("blobs/{digest}")).await)? else {
            return Ok(false);
        };
        address.check(stated(&headers), digest)?;
        Ok(true)
    }

    /// Brings a blob into a repository: found there, mounted from another repository of the
    /// registry, or sent. Of several calls for one blob in one run only one sends it; layers may so
    /// be placed while others are still being made. `bar` shows how far it is, and ends with it.
    pub async fn place(&self, to: &Repository, blob: &Source, bar: &Bar) -> Result<Placed, Error> {
        let digest = blob.digest();
        let address = address_of(to, digest);
        let places = self.uploads.places(&address, digest);
        bar.begin(Stage::Wait, None);
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
            self.ask_to_push(&address, from.as_deref());
            let is_new = matches!(blob, Source::Ours(blob) if blob.is_new());
            let there = async { Ok(!is_new && self.has_blob(to, digest).await?) };
            placed = match from {
                Some(from) => match there.await? {
                    true => Placed::Present,
                    false => self.mount_or_send(&address, blob, &from, bar).await?,
                },
                None => match self.uploads.slot_unless(there).await? {
                    None => Placed::Present,
                    Some(slot) => self.send_blob(&address, blob, None, slot, bar).await?,
                },
            };
            places.push(to.name.clone());
        }
        bar.done(match placed {
            Placed::Present => THERE,
            Placed::Mounted => "mounted",
            Placed::Sent(_) => "sent",
        });
        Ok(placed)
    }

    async fn mount_or_send(
        &self,
        address: &Address,
        blob: &Source,
        from: &str,
        bar: &Bar,
    ) -> Result<Placed, Error> {
        let Some(open) = self.mount(address, blob.digest(), from).await? else {
            return Ok(Placed::Mounted);
        };
        let slot = self.uploads.slot().await;
        self.send_blob(address, blob, Some(open), slot, bar).await
    }

    async fn send_blob(
        &self,
        address: &Address,
        blob: &Source,
        open: Option<Open<'_>>,
        _slot: SemaphorePermit<'_>,
        bar: &Bar,
    ) -> Result<Placed, Error> {
        let (digest, size) = (blob.digest(), blob.size());
        let feed = match blob {
            Source::Ours(blob) => Feed::Ours(blob.clone()),
            Source::Base { from, .. } => {
                Feed::Remote(self.remote(from, digest, size).await?.into())
            }
        };
        let open = match open {
            Some(open) => open,
            None => self.open_session(address, blob.digest()).await?,
        };
        let stage = if matches!(blob, Source::Ours(_)) { Stage::Send } else { Stage::Copy };
        bar.begin(stage, Some(size));
        let upload = Upload::new(self, address.clone(), (digest, size), feed, bar);
        Ok(Placed::Sent(upload.run(open).await?))
    }

    /// Puts a manifest under its digest. Its blobs must be there.
    pub async fn put_manifest(&self, to: &Repository, manifest: &Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(manifest);
        let pinned = to.pinned(digest);
        self.put(&Address::pinned(&pinned), manifest, &digest.to_string()).await?;
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
        let address = Address::new(&to.registry, &to.name, &format!("{to}:{tag}"));
        self.ask_to_push(&address, None);
        if unknown(self.digest_of(&address, tag).await)? == Some(digest) {
            return Ok(digest);
        }
        self.put(&address, manifest, tag).await?;
        Ok(digest)
    }

    /// Puts a manifest under a digest or tag; the answer's headers.
    pub(super) async fn put(
        &self,
        address: &Address,
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
            .map_err(|error| address.malformed("the manifest to be pushed", error))?;
        let media_type = typed.media_type.unwrap_or_else(|| MANIFEST.to_owned());
        let media_type = HeaderValue::try_from(media_type)
            .map_err(|error| address.malformed("the manifest to be pushed", error))?;
        self.ask_to_push(address, None);
        let url = self.url(address, &format!("manifests/{name}")).await?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type)]);
        let mut budget = self.budget();
        let sent =
            self.send_to(address, Method::PUT, &url, &headers, manifest.clone(), &mut budget);
        let answer = sent.await?;
        if !answer.status().is_success() {
            return Err(refused(address, answer).await);
        }
        address.check(stated(answer.headers()), digest)?;
        Ok(answer.headers().clone())
    }
}

/// The address of a repository, for messages about one of its blobs.
fn address_of(to: &Repository, digest: Digest) -> Address {
    Address::new(&to.registry, &to.name, &format!("the blob {digest} for {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{self, Retry};
    use crate::spec::RegistrySpec;

    #[tokio::test]
    async fn a_push_may_run_beside_other_work() {
        fn may_be_spawned<T: Send>(work: T) -> T {
            work
        }
        let net = net::Client::new(Retry::default()).unwrap().offline();
        let client = Client::new(net, &RegistrySpec::default(), false);
        let to = Repository { registry: "127.0.0.1:1".to_owned(), name: "team/ray".to_owned() };
        let blob = Source::Ours(Arc::new(Held::new(Bytes::from_static(b"x"))));
        let (layers, bar) = ([blob.clone()], Bar::hidden());
        let (config, manifest) = (Bytes::new(), Bytes::from_static(b"{}"));
        let push = Push { to: &to, layers: &layers, config, manifest, tags: &[] };
        let placed = may_be_spawned(client.place(&to, &blob, &bar)).await;
        assert!(placed.unwrap_err().is_unreachable());
        let pushed = may_be_spawned(client.push(&push, &bar)).await;
        assert!(pushed.unwrap_err().is_unreachable());
    }
}
