//! A plan becomes images without a daemon: each layer is looked up in the registry by the digest known for its key,
//! made only where it is missing, and sent while the next one is being made.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use camino::Utf8Path;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::base::Base;
use super::layer_builder::LayerBuilder;
use super::lazy_blob::NotMade;
use super::packages::PackageLayers;
use super::path_check::check_paths;
use super::place::{Place, PlacedLayer};
use super::preflight::check;
use super::timings::Timings;
use crate::base_image::BaseImage;
use crate::digest::Digest;
use crate::engine::gather::Gatherer;
use crate::exit::{Exit, Failure};
use crate::image::{
    self, AddedLayer, BaseDocuments, Below, ImageLayers, ImagePlan, LayerSettings, OwnLayer, Plan,
    Repository, Stages,
};
use crate::lock::{LayerPin, Lock};
use crate::net;
use crate::reference::PinnedReference;
use crate::registry::{self, Push, progress};
use crate::spec::{ImageName, Spec};
use crate::store::Store;
use crate::ui::{Bar, Stage, Ui, Unit};

/// Layers that are looked up, made or sent at the same time.
const AT_ONCE: usize = 8;

/// Everything a build is made from.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The images to make.
    pub plan: &'a Plan,
    /// The lock they are made from.
    pub lock: &'a Lock,
    /// The spec.
    pub spec: &'a Spec,
    /// What the Dockerfile says of the images.
    pub stages: &'a Stages,
    /// The project's folder.
    pub project: &'a Utf8Path,
    /// The lock of the previous release, to say what grew.
    pub earlier: Option<&'a Lock>,
    /// Images of earlier releases, newest first, one of each repository: layers that cannot be made are copied from there.
    pub pushed: &'a [PinnedReference],
}

/// A plan that this engine can carry out: its bases were read, nothing was made yet.
#[derive(Debug)]
pub struct Engine {
    bases: BTreeMap<PinnedReference, Base>,
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

impl Engine {
    /// Reads the bases and checks that the plan can be built on them.
    ///
    /// # Errors
    ///
    /// What only BuildKit can do ([`image::Error::Foreign`], [`super::Error`]), an image that would be too big, a registry
    /// that does not answer.
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
        let mut bases = BTreeMap::new();
        for image in &plan.images {
            if !bases.contains_key(&image.base) {
                let base = Base::read(&image.base, lock, registry, &store, ui).await?;
                check(&base.system, lock, spec.build.compiler)?;
                bases.insert(image.base.clone(), base);
            }
        }
        let runtime = image::base_image(&lock.base.runtime);
        for (image, layers) in plan.images.iter().zip(&layers) {
            if layers.has_system_packages() && runtime.as_ref() != Some(&image.base) {
                return Err(image::Error::OtherBase { image: image.name.clone() }.into());
            }
            layers.fits_on(bases[&image.base].image.manifest.layers.len())?;
        }
        let base_of = |name: &ImageName| {
            let image = plan.images.iter().find(|image| image.name == *name);
            image.map(|image| bases[&image.base].system.unpacked_size)
        };
        let below = |name: &ImageName| Below { base: base_of(name), python: None };
        image::budget(plan, lock, spec, below, order.earlier)?;
        Ok(Engine { bases, layers })
    }

    /// Makes what is missing in the plan's repositories and puts the images there, each proven by reading it back.
    ///
    /// # Errors
    ///
    /// A wheel that is refused, two wheels or layers that bring different things to one path, a source or a registry that
    /// does not answer.
    pub async fn build(
        &self,
        order: &Order<'_>,
        net: &net::Client,
        registry: &registry::Client,
        ui: &Ui,
    ) -> Result<Built, Failure> {
        let plan = order.plan;
        let all = ui.bar("layers", None, Unit::Bytes);
        let timings = Arc::new(Timings::default());
        let builders = self.builders(order, (net, registry), &timings, ui)?;
        let layers = self.layers_to_place(plan)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let making = Semaphore::new(cores);
        // All bars before the first layer is begun, so that the total does not move.
        let bars: Vec<Bar> = layers.iter().map(|(_, layer, _)| bar_of(&all, layer)).collect();
        let below =
            plan.images.iter().map(|image| self.bars_below(&all, image)).collect::<Vec<_>>();
        let placed = layers.iter().zip(&bars).map(|((base, layer, to), bar)| {
            let (builder, making) = (&builders[*base], &making);
            async move {
                let place = Place { to, registry, pushed: order.pushed };
                let (layer_there, sent) = place.put(builder, layer, making, bar, ui).await?;
                Ok::<_, Failure>((((*base).clone(), (*layer).clone()), layer_there, sent))
            }
        });
        let placed: Vec<_> = stream::iter(placed).buffer_unordered(AT_ONCE).try_collect().await?;
        let mut sent: Vec<u64> = placed.iter().filter_map(|(_, _, sent)| *sent).collect();
        let find = |base: &PinnedReference, layer: &OwnLayer| {
            let found = placed.iter().find(|((b, l), ..)| b == base && l == layer);
            found.map(|(_, placed, _)| placed).expect("every layer of the images was placed")
        };

        let mut digests = BTreeMap::new();
        for ((image, own), bars) in plan.images.iter().zip(&self.layers).zip(&below) {
            let layers: Vec<&PlacedLayer> =
                own.layers.iter().map(|l| find(&image.base, l)).collect();
            check_paths(&builders[&image.base], &layers, ui)?;
            let base = &self.bases[&image.base];
            let pushed = push(order, image, base, &layers, (registry, bars)).await?;
            sent.extend(pushed.blobs.iter().filter_map(|(_, placed)| match placed {
                registry::Placed::Sent(bytes) => Some(*bytes),
                _ => None,
            }));
            digests.insert(image.name.clone(), pushed.image.reference.digest());
        }
        all.finish();
        let pins = placed.iter().filter_map(|(_, placed, _)| placed.pin());
        let layers: BTreeSet<LayerPin> = pins.collect();
        let (blobs, sent) = (sent.len(), sent.iter().sum());
        tracing::info!("time, summed over the layers: {timings}; {sent} bytes sent");
        Ok(Built { digests, layers: layers.into_iter().collect(), sent, blobs })
    }

    /// What makes the layers on each base.
    fn builders(
        &self,
        order: &Order<'_>,
        (net, registry): (&net::Client, &registry::Client),
        timings: &Arc<Timings>,
        ui: &Ui,
    ) -> Result<BTreeMap<&PinnedReference, Arc<LayerBuilder>>, Failure> {
        let Order { lock, spec, project, .. } = *order;
        let lock = Arc::new(lock.clone());
        let gatherer = Gatherer::new(Store::open()?, Arc::clone(&lock), spec, net, project);
        let gatherer = Arc::new(gatherer);
        let archive = lock.system.as_ref().and_then(|pin| spec.archives.get(&pin.source));
        let packages = |base: &Base| PackageLayers {
            net: net.clone(),
            registry: registry.clone(),
            store: gatherer.store().clone(),
            lock: Arc::clone(&lock),
            compression: spec.build.compression,
            base: base.text.clone(),
            digests: base.digests,
            system: Arc::clone(&base.system),
            archive: archive.cloned().unwrap_or_default(),
        };
        let builder = |base: &Base| LayerBuilder {
            gatherer: Arc::clone(&gatherer),
            lock: Arc::clone(&lock),
            settings: LayerSettings::of(&lock, spec.build),
            base: Arc::clone(&base.system),
            ui: ui.clone(),
            timings: Arc::clone(timings),
            packages: Arc::new(packages(base)),
            unkept: Mutex::default(),
        };
        Ok(self.bases.iter().map(|(name, base)| (name, Arc::new(builder(base)))).collect())
    }

    /// Each layer once, with its base and where the first image that has it goes: the others mount it from there.
    fn layers_to_place<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> Result<Vec<(&'a PinnedReference, &'a OwnLayer, &'a Repository)>, Failure> {
        let mut layers: Vec<(&PinnedReference, &OwnLayer, &Repository)> = Vec::new();
        for (image, own) in plan.images.iter().zip(&self.layers) {
            let to = repository(image)?;
            for layer in &own.layers {
                if !layers.iter().any(|(base, other, _)| **base == image.base && *other == layer) {
                    layers.push((&image.base, layer, to));
                }
            }
        }
        // The biggest first: the cores are then busy to the end.
        layers.sort_by_key(|(_, layer, _)| match layer {
            OwnLayer::Wheels(layer) => std::cmp::Reverse(layer.size),
            _ => std::cmp::Reverse(u64::MAX),
        });
        Ok(layers)
    }

    /// A bar for each layer of the base under an image.
    fn bars_below(&self, all: &Bar, image: &ImagePlan) -> Vec<Bar> {
        let layers = &self.bases[&image.base].image.manifest.layers;
        let name = |number: usize| format!("{}: base {number}/{}", image.name, layers.len());
        let numbered = layers.iter().zip(1..);
        numbered.map(|(layer, number)| all.part(name(number), layer.size, &[Stage::Copy])).collect()
    }
}

/// Puts an image on its base's layers and its own, which are in the registry.
async fn push(
    order: &Order<'_>,
    image: &ImagePlan,
    base: &Base,
    layers: &[&PlacedLayer],
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
    let BaseImage { manifest_bytes: manifest, config_bytes: config, .. } = &base.image;
    let documents_below = BaseDocuments { manifest, config };
    let documents = image::documents(order.plan, image, order.stages, documents_below, &added)?;
    let from =
        PinnedReference::new(&base.image.registry, &base.image.repository, image.base.digest());
    let below = base.image.manifest.layers.iter().map(|layer| registry::Source::Base {
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
    let bars: Vec<_> = below_bars.iter().map(progress).collect();
    registry.push(&push, &bars).await.map_err(NotMade::or)
}

/// What a bar says is done to a layer of wheels, and to one that has none.
const MAKING: [&[Stage]; 2] =
    [&[Stage::Download, Stage::Hash, Stage::Send], &[Stage::Hash, Stage::Send]];

fn bar_of(all: &Bar, layer: &OwnLayer) -> Bar {
    match layer {
        OwnLayer::Wheels(wheels) => all.part(layer.name(), wheels.size, MAKING[0]),
        _ => all.part(layer.name(), 0, MAKING[1]),
    }
}

fn repository(image: &ImagePlan) -> Result<&Repository, Failure> {
    let nowhere = || Failure::message(Exit::Usage, format!("{} has no destination", image.name));
    image.repository.as_ref().ok_or_else(nowhere)
}
