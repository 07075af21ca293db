//! Lock + spec → the sizes of images before they are made.

use std::collections::BTreeMap;

use super::weigh::{base_name, of_packages};
use super::{ImageSize, LayerKind, LayerSize};
use crate::digest::Digest;
use crate::image::{Error, ImageLayers, LayerSettings, OwnLayer, is_devel, layers_of_all};
use crate::lock::{self, Lock, Package};
use crate::registry::{Descriptor, Manifest};
use crate::spec::Spec;

/// The base images of what is planned: `None` where one is not known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grounds<'a> {
    /// Under the runtime images.
    pub runtime: Option<&'a Manifest>,
    /// Under the devel images.
    pub devel: Option<&'a Manifest>,
    /// Bytes of the tar files of their layers that were read.
    pub unpacked: Option<&'a BTreeMap<Digest, u64>>,
}

/// All images of the spec. Layers that the lock pins are known; of others only the
/// wheels are.
///
/// # Errors
/// The lock is of another spec; layers that cannot be made.
pub fn planned(lock: &Lock, spec: &Spec, grounds: Grounds) -> Result<Vec<ImageSize>, Error> {
    if lock.spec_sha256 != spec.sha256() || lock.profile != spec.profile {
        return Err(Error::Stale(lock::stale(lock, spec)));
    }
    let images = layers_of_all(lock, spec)?;
    Ok(images.into_iter().map(|image| image_of(image, lock, spec, grounds)).collect())
}

fn image_of(image: ImageLayers, lock: &Lock, spec: &Spec, grounds: Grounds) -> ImageSize {
    let settings = LayerSettings::of(lock, spec.build);
    let own = image.layers.into_iter().map(|layer| match layer {
        OwnLayer::System => made_later("system", LayerKind::System),
        OwnLayer::Python => made_later("python", LayerKind::Python),
        OwnLayer::SystemPackages(packages) => {
            let key = packages.key(lock, spec.build.compression);
            let pin = lock.layers.iter().find(|pin| Some(pin.key) == key);
            LayerSize {
                digest: pin.map(|pin| pin.digest),
                compressed: Some(pin.map_or(packages.size, |pin| pin.size)),
                unpacked: Some(pin.map_or(packages.unpacked_size, |pin| pin.unpacked_size)),
                ..made_later(&packages.name, LayerKind::System)
            }
        }
        OwnLayer::Wheels(wheels) => {
            let packages = wheels.packages.iter().filter_map(|name| lock.package(name));
            let packages: Vec<&Package> = packages.collect();
            let key = settings.key(packages.iter().map(|package| package.sha256));
            let pin = lock.layers.iter().find(|pin| pin.key == key);
            LayerSize {
                digest: pin.map(|pin| pin.digest),
                compressed: Some(pin.map_or(wheels.size, |pin| pin.size)),
                unpacked: Some(pin.map_or(wheels.unpacked_size, |pin| pin.unpacked_size)),
                ..of_packages(wheels.name, packages)
            }
        }
    });
    let ground = if is_devel(&image.image, spec) { grounds.devel } else { grounds.runtime };
    let layers = base(ground, grounds.unpacked).into_iter().chain(own).collect();
    ImageSize::new(image.image.to_string(), None, layers)
}

fn base(manifest: Option<&Manifest>, read: Option<&BTreeMap<Digest, u64>>) -> Vec<LayerSize> {
    let Some(manifest) = manifest else {
        return vec![made_later("base image", LayerKind::Base)];
    };
    let count = manifest.layers.len();
    let layer = |(index, layer): (usize, &Descriptor)| LayerSize {
        digest: Some(layer.digest),
        compressed: Some(layer.size),
        unpacked: read.and_then(|read| read.get(&layer.digest).copied()),
        ..made_later(&base_name(index, count), LayerKind::Base)
    };
    manifest.layers.iter().enumerate().map(layer).collect()
}

fn made_later(name: &str, kind: LayerKind) -> LayerSize {
    LayerSize { kind, ..of_packages(name.to_owned(), Vec::new()) }
}
