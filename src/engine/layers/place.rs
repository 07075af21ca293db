//! Places a layer in the repository of an image: found there by its key, or made and sent, or copied from an earlier release.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wheel_layers::Measured;

use super::layer_builder::LayerBuilder;
use super::lazy_blob::{LayerBytes, LazyBlob, NotMade};
use super::timings::Phase;
use crate::digest::Sha256;
use crate::exit::Failure;
use crate::image::{OwnLayer, Repository};
use crate::lock::LayerPin;
use crate::reference::PinnedReference;
use crate::registry::{self, Blob, progress};
use crate::ui::{Bar, Stage, Ui};

/// The store's kind of facts about the digests of layers; their key is the layer's.
const MEASURED: &str = "layer-1";

/// A layer that is in the registry.
pub(super) struct PlacedLayer {
    pub(super) name: String,
    /// Its key; `None`: it has no wheels.
    pub(super) key: Option<Sha256>,
    pub(super) has_wheels: bool,
    pub(super) measured: Measured,
    pub(super) media_type: &'static str,
    pub(super) source: registry::Source,
}

/// Where a layer is placed, and where it can be copied from.
pub(super) struct Place<'a> {
    pub(super) to: &'a Repository,
    pub(super) registry: &'a registry::Client,
    /// Images of earlier releases.
    pub(super) pushed: &'a [PinnedReference],
}

impl Place<'_> {
    /// The layer, and the bytes that were sent; `None`: it was there already. `making` limits the layers made at once.
    ///
    /// # Errors
    ///
    /// It can neither be made nor copied, or the registry refuses it.
    pub(super) async fn put(
        &self,
        builder: &Arc<LayerBuilder>,
        layer: &OwnLayer,
        making: &Semaphore,
        bar: &Bar,
        ui: &Ui,
    ) -> Result<(PlacedLayer, Option<u64>), Failure> {
        let key = match layer {
            OwnLayer::Wheels(wheels) => Some(builder.key(wheels)),
            OwnLayer::SystemPackages(packages) => {
                packages.key(&builder.lock, builder.settings.compression)
            }
            OwnLayer::System | OwnLayer::Python => None,
        };
        let (measured, bytes) = measured(builder, layer, key, making, bar).await?;
        let blob: Arc<dyn Blob> = Arc::new(lazy_blob(builder, layer, measured, bytes, bar));
        let mut source = registry::Source::Ours(blob);
        let progress = progress(bar);
        let sending = self.registry.place(self.to, &source, &progress);
        let placed = match builder.timings.time(Phase::Upload, sending).await {
            Ok(placed) => placed,
            Err(error) => {
                let failure = NotMade::within(error)?;
                let Some((from, placed)) = self.copied(measured, bar).await else {
                    return Err(failure);
                };
                let why = failure.report;
                ui.note(format!(
                    "{} cannot be made here and was copied from {from}: {why}",
                    layer.name()
                ));
                source = from_release(from, measured);
                placed
            }
        };
        let sent = match placed {
            registry::Placed::Sent(bytes) => Some(bytes),
            _ => None,
        };
        let (name, media_type) = (layer.name().to_owned(), builder.media_type());
        let has_wheels = matches!(layer, OwnLayer::Wheels(_));
        Ok((PlacedLayer { name, key, has_wheels, measured, media_type, source }, sent))
    }

    /// The layer, copied from the first repository of earlier releases that has it.
    async fn copied(
        &self,
        measured: Measured,
        bar: &Bar,
    ) -> Option<(PinnedReference, registry::Placed)> {
        for from in self.pushed {
            let source = from_release(from.clone(), measured);
            match self.registry.place(self.to, &source, &progress(bar)).await {
                Ok(placed) => return Some((from.clone(), placed)),
                Err(error) => tracing::debug!(%error, "{from} does not give the layer"),
            }
        }
        None
    }
}

fn from_release(from: PinnedReference, measured: Measured) -> registry::Source {
    let Measured { digest, size, .. } = measured;
    registry::Source::Base { from, digest, size }
}

/// The layer's digests: by its key from the lock or the store, else made, with its bytes.
async fn measured(
    builder: &Arc<LayerBuilder>,
    layer: &OwnLayer,
    key: Option<Sha256>,
    making: &Semaphore,
    bar: &Bar,
) -> Result<(Measured, Option<LayerBytes>), Failure> {
    let store = builder.gatherer.store();
    let pinned = key.and_then(|key| builder.lock.layers.iter().find(|pin| pin.key == key));
    let known = pinned.map(Measured::from);
    if let Some(known) = known.or_else(|| store.recall(MEASURED, &key?)) {
        return Ok((known, None));
    }
    let turn = making.acquire().await.expect("the semaphore is never closed");
    let (measured, bytes) = builder.made(layer, bar).await?;
    drop(turn);
    if let Some(key) = key {
        store.remember(MEASURED, &key, &measured);
    }
    Ok((measured, Some(bytes)))
}

/// The layer as a blob for upload. Without `bytes` it is made when the registry lacks it, and must then have the
/// digests that are known.
fn lazy_blob(
    builder: &Arc<LayerBuilder>,
    layer: &OwnLayer,
    measured: Measured,
    bytes: Option<LayerBytes>,
    bar: &Bar,
) -> LazyBlob {
    let (builder, layer, runtime) = (Arc::clone(builder), layer.clone(), Handle::current());
    let bar = bar.clone();
    let make = move || {
        let again = builder.made(&layer, &bar);
        let failed = |failure| std::io::Error::other(NotMade(failure));
        let (again, bytes) = runtime.block_on(again).map_err(failed)?;
        if again != measured {
            let message = format!(
                "the layer {} is {} now, and {} is recorded for it",
                layer.name(),
                again.digest,
                measured.digest
            );
            return Err(std::io::Error::other(message));
        }
        bar.begin(Stage::Send, Some(measured.size));
        Ok(bytes)
    };
    LazyBlob::new(measured, bytes, Arc::new(make))
}

impl PlacedLayer {
    /// For env.lock; `None`: a layer without wheels.
    pub(super) fn pin(&self) -> Option<LayerPin> {
        let Measured { digest, size, diff_id, unpacked } = self.measured;
        let (name, key) = (self.name.clone(), self.key?);
        Some(LayerPin { name, key, digest, diff_id, size, unpacked_size: unpacked })
    }
}

impl From<&LayerPin> for Measured {
    fn from(pin: &LayerPin) -> Self {
        let LayerPin { digest, size, diff_id, unpacked_size: unpacked, .. } = *pin;
        Measured { digest, size, diff_id, unpacked }
    }
}
