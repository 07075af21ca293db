//! A plan becomes images without a daemon: each layer is looked for in the registry by the digest its key is known to
//! have, made only where it is missing, and sent while the next one is being made.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8Path;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wheel_layers::{Measured, PathOwners};

use super::kitchen::Kitchen;
use super::made::{Made, NotMade};
use super::phases::{Phase, Phases};
use super::unfit::check;
use crate::digest::{Digest, Sha256};
use crate::engine::gather::Gatherer;
use crate::exit::{Exit, Failure};
use crate::image::{
    self, AddedLayer, BaseDocuments, Below, Envelope, ImageLayers, ImagePlan, OwnLayer, Plan,
    Repository, Stages,
};
use crate::lock::{BaseDigests, LayerPin, Lock};
use crate::net;
use crate::reference::PinnedReference;
use crate::registry::{self, Ask, BaseImage, BaseSystem, Blob, COPYING, Push};
use crate::spec::{ImageName, Spec};
use crate::store::Store;
use crate::ui::{Bar, Stage, Ui, Unit};

/// The kind of the store's facts about layers; the key is the layer's.
const MEASURED: &str = "layer-1";
/// The kind of the store's facts about layers that were found not to contradict each other.
const APART: &str = "apart-1";
/// Layers that are looked at, made or sent at the same time.
const AT_ONCE: usize = 8;

/// Everything a build is made from.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is to be made.
    pub plan: &'a Plan,
    /// From what.
    pub lock: &'a Lock,
    /// For what.
    pub spec: &'a Spec,
    /// What the Dockerfile says of the images.
    pub stages: &'a Stages,
    /// The project's folder.
    pub project: &'a Utf8Path,
    /// The lock of the release before, to tell what grew.
    pub earlier: Option<&'a Lock>,
    /// Images of earlier releases, newest first, one of each repository: layers that cannot be made are copied from there.
    pub pushed: &'a [PinnedReference],
}

/// A base image under the plan's images.
#[derive(Debug)]
struct Ground {
    image: BaseImage,
    system: Arc<BaseSystem>,
}

/// A plan that this engine can carry out: its bases were read, nothing was made.
#[derive(Debug)]
pub struct Engine {
    grounds: BTreeMap<PinnedReference, Ground>,
    layers: Vec<ImageLayers>,
}

/// What was built and is in its registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Each image's manifest.
    pub digests: BTreeMap<ImageName, Digest>,
    /// Every layer of wheels, for env.lock.
    pub layers: Vec<LayerPin>,
    /// Bytes that were sent.
    pub sent: u64,
    /// Blobs that were sent.
    pub blobs: usize,
}

/// One layer of a build, with all that is known of it.
struct Known {
    name: String,
    key: Option<Sha256>,
    measured: Measured,
    media_type: &'static str,
    source: registry::Source,
}

impl Engine {
    /// Reads the bases and checks that the plan can be built on them. Errors: what only BuildKit can do
    /// ([`image::Error::Foreign`], [`super::Unfit`]), an image that would be too big, a registry that does not answer.
    pub async fn find(
        order: &Order<'_>,
        registry: &registry::Client,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let Order { plan, lock, spec, stages, .. } = *order;
        for image in &plan.images {
            let instructions = stages.foreign(plan, image);
            if !instructions.is_empty() {
                let (dockerfile, image) = (stages.dockerfile.clone(), image.name.clone());
                return Err(image::Error::Foreign { dockerfile, image, instructions }.into());
            }
        }
        let layers = image::layering(plan, lock, spec)?;
        let store = Store::open()?;
        let mut grounds = BTreeMap::new();
        for image in &plan.images {
            if !grounds.contains_key(&image.base) {
                let ground = ground(&image.base, lock, registry, &store, ui).await?;
                check(&ground.system, lock, spec.build.compiler)?;
                grounds.insert(image.base.clone(), ground);
            }
        }
        for (image, layers) in plan.images.iter().zip(&layers) {
            layers.fits_on(grounds[&image.base].image.manifest.layers.len())?;
        }
        let base_of = |name: &ImageName| {
            let image = plan.images.iter().find(|image| image.name == *name);
            image.map(|image| grounds[&image.base].system.unpacked_size)
        };
        let below = |name: &ImageName| Below { base: base_of(name), python: None };
        image::budget(plan, lock, spec, below, order.earlier)?;
        Ok(Engine { grounds, layers })
    }

    /// Makes what is missing in the plan's repositories and puts the images there, each proven by reading it back.
    pub async fn build(
        &self,
        order: &Order<'_>,
        net: &net::Client,
        registry: &registry::Client,
        ui: &Ui,
    ) -> Result<Built, Failure> {
        let Order { plan, lock, spec, project, .. } = *order;
        let lock = Arc::new(lock.clone());
        let gatherer = Gatherer::new(Store::open()?, Arc::clone(&lock), spec, net, project);
        let gatherer = Arc::new(gatherer);
        let all = ui.bar("layers", None, Unit::Bytes);
        let phases = Arc::new(Phases::default());
        let kitchens: BTreeMap<_, _> = self
            .grounds
            .iter()
            .map(|(base, ground)| {
                let kitchen = Kitchen {
                    gatherer: Arc::clone(&gatherer),
                    lock: Arc::clone(&lock),
                    envelope: Envelope::of(&lock, spec.build),
                    base: Arc::clone(&ground.system),
                    ui: ui.clone(),
                    phases: Arc::clone(&phases),
                };
                (base, Arc::new(kitchen))
            })
            .collect();

        // Each layer once, where the first image that has it goes: the others mount it from there.
        let mut wanted: Vec<(&PinnedReference, &OwnLayer, &Repository)> = Vec::new();
        for (image, own) in plan.images.iter().zip(&self.layers) {
            let to = repository(image)?;
            for layer in &own.layers {
                if !wanted.iter().any(|(base, other, _)| **base == image.base && *other == layer) {
                    wanted.push((&image.base, layer, to));
                }
            }
        }
        // The biggest first: the cores are then busy to the end.
        wanted.sort_by_key(|(_, layer, _)| match layer {
            OwnLayer::Wheels(layer) => std::cmp::Reverse(layer.size),
            _ => std::cmp::Reverse(u64::MAX),
        });
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let making = Semaphore::new(cores);
        // All bars before the first layer is begun: then the total does not move.
        let bars: Vec<Bar> = wanted.iter().map(|(_, layer, _)| bar_of(&all, layer)).collect();
        let below =
            plan.images.iter().map(|image| self.bars_below(&all, image)).collect::<Vec<_>>();
        let known = wanted.iter().zip(&bars).map(|((base, layer, to), bar)| {
            let (kitchen, making) = (&kitchens[*base], &making);
            async move {
                let place = Place { to, registry, pushed: order.pushed };
                let (known, sent) = placed(kitchen, layer, &place, making, bar, ui).await?;
                Ok::<_, Failure>((((*base).clone(), (*layer).clone()), known, sent))
            }
        });
        let known: Vec<_> = stream::iter(known).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut sent: Vec<u64> = known.iter().filter_map(|(_, _, sent)| *sent).collect();
        let find = |base: &PinnedReference, layer: &OwnLayer| {
            let found = known.iter().find(|((b, l), ..)| b == base && l == layer);
            found.map(|(_, known, _)| known).expect("every layer of the images was placed")
        };

        let mut digests = BTreeMap::new();
        for ((image, own), bars) in plan.images.iter().zip(&self.layers).zip(&below) {
            let layers: Vec<&Known> = own.layers.iter().map(|l| find(&image.base, l)).collect();
            stand_together(&kitchens[&image.base], &layers, ui)?;
            let ground = &self.grounds[&image.base];
            let pushed = self.push(order, image, ground, &layers, (registry, bars)).await?;
            sent.extend(pushed.blobs.iter().filter_map(|(_, placed)| match placed {
                registry::Placed::Sent(bytes) => Some(*bytes),
                _ => None,
            }));
            digests.insert(image.name.clone(), pushed.image.reference.digest());
        }
        all.finish();
        let pins = known.iter().filter_map(|(_, known, _)| pin(known));
        let layers: BTreeSet<LayerPin> = pins.collect();
        let (blobs, sent) = (sent.len(), sent.iter().sum());
        tracing::info!("time, summed over the layers: {phases}; {sent} bytes sent");
        Ok(Built { digests, layers: layers.into_iter().collect(), sent, blobs })
    }

    /// A bar for each layer of the base under an image.
    fn bars_below(&self, all: &Bar, image: &ImagePlan) -> Vec<Bar> {
        let layers = &self.grounds[&image.base].image.manifest.layers;
        let name = |number: usize| format!("{}: base {number}/{}", image.name, layers.len());
        let numbered = layers.iter().zip(1..);
        numbered.map(|(layer, number)| all.part(name(number), layer.size, COPYING)).collect()
    }

    async fn push(
        &self,
        order: &Order<'_>,
        image: &ImagePlan,
        ground: &Ground,
        layers: &[&Known],
        (registry, below_bars): (&registry::Client, &[Bar]),
    ) -> Result<registry::Pushed, Failure> {
        let added: Vec<AddedLayer> = layers
            .iter()
            .map(|layer| AddedLayer {
                name: layer.name.clone(),
                media_type: layer.media_type.to_owned(),
                digest: layer.measured.digest,
                size: layer.measured.size,
                diff_id: layer.measured.diff_id,
            })
            .collect();
        let BaseImage { manifest_bytes: manifest, config_bytes: config, .. } = &ground.image;
        let base = BaseDocuments { manifest, config };
        let documents = image::documents(order.plan, image, order.stages, base, &added)?;
        let from = PinnedReference::new(
            &ground.image.registry,
            &ground.image.repository,
            image.base.digest(),
        );
        let below = ground.image.manifest.layers.iter().map(|layer| registry::Source::Base {
            from: from.clone(),
            digest: layer.digest,
            size: layer.size,
        });
        let own = layers.iter().map(|layer| layer.source.clone());
        let push = Push {
            to: repository(image)?,
            layers: &below.chain(own).collect::<Vec<_>>(),
            config: Bytes::from(documents.config),
            manifest: Bytes::from(documents.manifest),
            tags: &[],
        };
        // The layers of its own are there, and their bars have ended.
        let mut bars = below_bars.to_vec();
        bars.resize_with(push.layers.len(), Bar::hidden);
        registry.push_layers(&push, &bars).await.map_err(NotMade::or)
    }
}

async fn ground(
    base: &PinnedReference,
    lock: &Lock,
    registry: &registry::Client,
    store: &Store,
    ui: &Ui,
) -> Result<Ground, Failure> {
    let (text, digests) = pinned(base, lock)?;
    let image = registry.base_image(text, digests).await?;
    let ask = Ask { system: true, ..Ask::default() };
    let bar = ui.bar("base image", None, Unit::Bytes);
    let facts = registry.base_facts(store, text, digests, &ask, &bar).await?;
    bar.finish();
    Ok(Ground { image, system: Arc::new(facts.system.expect("it was asked for")) })
}

/// The text and digests that the lock has for a base of the plan.
fn pinned<'a>(base: &PinnedReference, lock: &'a Lock) -> Result<(&'a str, BaseDigests), Failure> {
    let found = [&lock.base.runtime, &lock.base.devel].into_iter().find_map(|pin| {
        let is_it = image::base_image(pin).as_ref() == Some(base);
        is_it.then_some((pin.reference.as_str(), pin.digests?))
    });
    found.ok_or_else(|| Failure::message(Exit::LockStale, format!("the lock does not pin {base}")))
}

fn repository(image: &ImagePlan) -> Result<&Repository, Failure> {
    let nowhere = || Failure::message(Exit::Usage, format!("{} has no destination", image.name));
    image.repository.as_ref().ok_or_else(nowhere)
}

/// What is done to a layer of wheels, and to one that has none.
const MAKING: [&[Stage]; 2] =
    [&[Stage::Download, Stage::Hash, Stage::Send], &[Stage::Hash, Stage::Send]];

fn bar_of(all: &Bar, layer: &OwnLayer) -> Bar {
    match layer {
        OwnLayer::Wheels(wheels) => all.part(layer.name(), wheels.size, MAKING[0]),
        _ => all.part(layer.name(), 0, MAKING[1]),
    }
}

/// Where a layer is to be, and where it may have been.
struct Place<'a> {
    to: &'a Repository,
    registry: &'a registry::Client,
    pushed: &'a [PinnedReference],
}

impl Place<'_> {
    /// The layer, copied from the first repository of earlier releases that has it.
    async fn copied(
        &self,
        measured: Measured,
        bar: &Bar,
    ) -> Option<(PinnedReference, registry::Placed)> {
        for from in self.pushed {
            let source = from_release(from.clone(), measured);
            match self.registry.place(self.to, &source, bar).await {
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

/// The layer, in `to`: found there by its key, or made and sent. The bytes that were sent.
async fn placed(
    kitchen: &Arc<Kitchen>,
    layer: &OwnLayer,
    place: &Place<'_>,
    making: &Semaphore,
    bar: &Bar,
    ui: &Ui,
) -> Result<(Known, Option<u64>), Failure> {
    let key = match layer {
        OwnLayer::Wheels(wheels) => Some(kitchen.key(wheels)),
        OwnLayer::System | OwnLayer::Python => None,
    };
    let store = kitchen.gatherer.store();
    let pinned = key.and_then(|key| kitchen.lock.layers.iter().find(|pin| pin.key == key));
    let remembered = key.and_then(|key| store.recall::<Measured>(MEASURED, &key));
    let mut known = pinned.map(Measured::from).or(remembered).map(|measured| (measured, None));
    if known.is_none() {
        let turn = making.acquire().await.expect("the semaphore is never closed");
        let segments = kitchen.segments(layer, bar).await?;
        let (measured, bytes) = kitchen.measured(segments, bar).await?;
        drop(turn);
        if let Some(key) = key {
            store.remember(MEASURED, &key, &measured)?;
        }
        known = Some((measured, Some(bytes)));
    }
    let (measured, bytes) = known.expect("made above");
    let make = {
        let (kitchen, layer, runtime) = (Arc::clone(kitchen), layer.clone(), Handle::current());
        let bar = bar.clone();
        move || {
            let again = async {
                let segments = kitchen.segments(&layer, &bar).await?;
                kitchen.measured(segments, &bar).await
            };
            let failed = |failure| std::io::Error::other(NotMade(failure));
            let (again, bytes) = runtime.block_on(again).map_err(failed)?;
            if again != measured {
                let message = format!(
                    "the layer {} is {} now, and {} was promised for it",
                    layer.name(),
                    again.digest,
                    measured.digest
                );
                return Err(std::io::Error::other(message));
            }
            bar.begin(Stage::Send, Some(measured.size));
            Ok(bytes)
        }
    };
    let blob: Arc<dyn Blob> = Arc::new(Made::new(measured, bytes, Arc::new(make)));
    let mut source = registry::Source::Ours(blob);
    let Place { to, registry, .. } = *place;
    let placed = kitchen.phases.time(Phase::Upload, registry.place(to, &source, bar)).await;
    let placed = match placed {
        Ok(placed) => placed,
        Err(error) => {
            let failure = NotMade::within(error)?;
            let Some((from, placed)) = place.copied(measured, bar).await else {
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
    let (name, media_type) = (layer.name().to_owned(), kitchen.media_type());
    Ok((Known { name, key, measured, media_type, source }, sent))
}

/// No two layers may bring different things to one path. Layers that were found in the registry and never made on this
/// machine were compared where they were made, with what they then stood beside.
fn stand_together(kitchen: &Kitchen, layers: &[&Known], ui: &Ui) -> Result<(), Failure> {
    let keys: BTreeSet<Sha256> = layers.iter().filter_map(|layer| layer.key).collect();
    let all = Sha256::of(keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let store = kitchen.gatherer.store();
    if store.recall::<bool>(APART, &all) == Some(true) {
        return Ok(());
    }
    let mut owners = PathOwners::default();
    let mut unknown = Vec::new();
    for layer in layers {
        let Some(key) = layer.key else { continue };
        match kitchen.brought(&key) {
            Some(brought) => {
                let brought = brought.iter().map(|(path, entry)| (path.as_str(), entry.clone()));
                owners.add(&layer.name, brought)?;
            }
            None => unknown.push(layer.name.as_str()),
        }
    }
    if unknown.is_empty() {
        store.remember(APART, &all, &true)?;
    } else {
        ui.note(format!(
            "what {} layers bring is not known here, they were made elsewhere or by an earlier envlock ({}): whether \
             they bring other files to the same paths was looked at then",
            unknown.len(),
            unknown.join(", ")
        ));
    }
    Ok(())
}

fn pin(known: &Known) -> Option<LayerPin> {
    let Measured { digest, size, diff_id, unpacked } = known.measured;
    let (name, key) = (known.name.clone(), known.key?);
    Some(LayerPin { name, key, digest, diff_id, size, unpacked_size: unpacked })
}

impl From<&LayerPin> for Measured {
    fn from(pin: &LayerPin) -> Self {
        let LayerPin { digest, size, diff_id, unpacked_size: unpacked, .. } = *pin;
        Measured { digest, size, diff_id, unpacked }
    }
}
