//! Measures images in their registries. What is read of a layer never changes for its digest, so the store keeps it.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::attestation;
use crate::commands::{Context, embedded};
use crate::digest::Digest;
use crate::exit::Failure;
use crate::lock::Lock;
use crate::reference::PinnedReference;
use crate::registry::{Client, Descriptor, Endpoint};
use crate::release::History;
use crate::size::{self, Files, ImageSize, Inventory, Weighed};
use crate::spec::Spec;
use crate::store::Store;
use crate::ui::{Bar, Stage, Unit};

/// The store's facts about layers: bytes of the tar file; all files.
const TAR_SIZE: &str = "tar-size-1";
const INVENTORY: &str = "inventory-1";
/// A layer of at most this many bytes is read without `--read`.
const SMALL: u64 = 4_000_000;
/// Layers that are read at the same time.
const AT_ONCE: usize = 4;

/// Measures images.
#[derive(Clone, Copy)]
pub(super) struct Scales<'a> {
    pub(super) context: &'a Context,
    pub(super) spec: &'a Spec,
    pub(super) client: &'a Client,
    pub(super) history: &'a History,
    pub(super) store: &'a Store,
}

impl Scales<'_> {
    /// The size of an image. Layers of unknown unpacked size are read where they are small, or
    /// all of them with `read`.
    ///
    /// # Errors
    /// Those of the registry; a lock beside the image that is not its own.
    pub(super) async fn weigh(
        &self,
        image: &PinnedReference,
        read: bool,
    ) -> Result<ImageSize, Failure> {
        let _serving = embedded::hold_for(self.context, [image.registry()]).await?;
        let evidence = attestation::gather(self.client, image, None).await?;
        let lock = match attestation::lock_of(&evidence, &self.context.folder, self.history) {
            Ok(found) => Some(found.lock),
            Err(error @ attestation::Error::OtherLock { .. }) => return Err(error.into()),
            Err(error) => {
                self.context.ui.warn(format!("{error}: its packages are not known"));
                None
            }
        };
        let unpacked = self.unpacked(image, &evidence.manifest.layers, lock.as_ref(), read).await?;
        let own = image.repository().rsplit('/').next().unwrap_or_default();
        let name = evidence.label("org.opencontainers.image.title").unwrap_or(own);
        Ok(size::weigh(Weighed {
            name,
            image,
            manifest: &evidence.manifest,
            config: &evidence.config,
            base: evidence.base_layers.as_deref().ok(),
            lock: lock.as_ref(),
            unpacked: &unpacked,
        }))
    }

    /// Bytes of the tar files of an image's layers that the lock does not know.
    pub(super) async fn unpacked(
        &self,
        image: &PinnedReference,
        layers: &[Descriptor],
        lock: Option<&Lock>,
        read: bool,
    ) -> Result<BTreeMap<Digest, u64>, Failure> {
        let pinned = |layer: &Descriptor| {
            lock.is_some_and(|lock| lock.layers.iter().any(|pin| pin.digest == layer.digest))
        };
        let unknown = layers.iter().filter(|layer| !pinned(layer));
        let bar = self.context.ui.bar("layers", None, Unit::Bytes);
        let sizes = unknown.map(async |layer| {
            let remembered = self.store.recall::<u64>(TAR_SIZE, &layer.digest.key());
            if let Some(bytes) = remembered {
                return Ok(Some((layer.digest, bytes)));
            }
            if layer.size > SMALL && !read {
                return Ok::<_, Failure>(None);
            }
            let part = reading(&bar, layer);
            let at = Endpoint::pinned(image);
            let read = self.client.read_layer(&at, layer, &part, |bytes| size::tar_size(bytes));
            let bytes = read.await?;
            part.done("read");
            self.store.remember(TAR_SIZE, &layer.digest.key(), &bytes);
            Ok(Some((layer.digest, bytes)))
        });
        let found: Vec<_> = stream::iter(sizes).buffer_unordered(AT_ONCE).try_collect().await?;
        bar.finish();
        Ok(found.into_iter().flatten().collect())
    }

    /// The files of an image by kind; every layer that was not read before is read.
    pub(super) async fn files(
        &self,
        size: &ImageSize,
        image: &PinnedReference,
    ) -> Result<Files, Failure> {
        let _serving = embedded::hold_for(self.context, [image.registry()]).await?;
        let evidence = attestation::gather(self.client, image, None).await?;
        let layers = &evidence.manifest.layers;
        let bar = self.context.ui.bar("layers", None, Unit::Bytes);
        let read = layers.iter().map(|layer| self.inventory(image, layer, &bar));
        let read: Vec<Inventory> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        bar.finish();
        Ok(size::files(&size.name, read.iter().map(|layer| layer.files.as_slice())))
    }

    async fn inventory(
        &self,
        image: &PinnedReference,
        layer: &Descriptor,
        bar: &Bar,
    ) -> Result<Inventory, Failure> {
        let key = &layer.digest.key();
        if let Some(known) = self.store.recall::<Inventory>(INVENTORY, key) {
            return Ok(known);
        }
        let part = reading(bar, layer);
        let at = Endpoint::pinned(image);
        let read = self.client.read_layer(&at, layer, &part, |bytes| size::inventory(bytes));
        let inventory = read.await?;
        part.done("read");
        self.store.remember(TAR_SIZE, key, &inventory.unpacked);
        self.store.remember(INVENTORY, key, &inventory);
        Ok(inventory)
    }
}

/// A layer that is being read.
fn reading(all: &Bar, layer: &Descriptor) -> Bar {
    let part = all.part(layer.digest.to_string(), layer.size, &[Stage::Read]);
    part.begin(Stage::Read, Some(layer.size));
    part
}
