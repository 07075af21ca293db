//! Lock → the layers of system packages: one for what every image gets, one for what an image adds to those below it.

use deb_layers::{Compression as LayerCompression, LayerSettings as DebSettings};
use serde::Serialize;

use crate::digest::Sha256;
use crate::lock::{Lock, SystemPackage};
use crate::spec::{Compression, ImageName, Spec};

/// The rules by which system packages become layers, besides those of the crate: how a package's layer follows from the user's
/// and the base's. A new number when one of them changes a byte.
const RULES: &str = "envlock package rules 1";

/// System packages that share a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageLayer {
    /// For people: `packages (39)`.
    pub name: String,
    /// The image that adds them; `None`: every image has them.
    pub image: Option<ImageName>,
    /// The sets of packages below it, lowest first, each by the image that adds it.
    #[serde(skip)]
    pub below: Vec<Option<ImageName>>,
    /// Bytes of the packages.
    pub size: u64,
    /// Bytes of the files in them, as the packages say.
    pub unpacked_size: u64,
}

impl PackageLayer {
    /// The layers of system packages in an image, lowest first, each with the image that adds it.
    pub(super) fn of_image(image: &ImageName, lock: &Lock, spec: &Spec) -> Vec<PackageLayer> {
        let mut chain: Vec<&ImageName> = spec.chain(image).map(|image| &image.name).collect();
        chain.reverse();
        let sets = std::iter::once(None).chain(chain.into_iter().map(Some));
        let mut layers: Vec<PackageLayer> = Vec::new();
        for set in sets {
            let packages: Vec<&SystemPackage> = lock.system_packages(set).collect();
            if packages.is_empty() {
                continue;
            }
            let of = set.map_or_else(String::new, |image| format!("{image}: "));
            layers.push(PackageLayer {
                name: format!("{of}system packages ({})", packages.len()),
                image: set.cloned(),
                below: layers.iter().map(|layer| layer.image.clone()).collect(),
                size: packages.iter().map(|package| package.size).sum(),
                unpacked_size: packages.iter().map(|package| package.installed_size).sum(),
            });
        }
        layers
    }

    /// The packages of the layer, in their order.
    pub fn packages<'l>(&'l self, lock: &'l Lock) -> impl Iterator<Item = &'l SystemPackage> {
        lock.system_packages(self.image.as_ref())
    }

    /// The key of the layer: the same key means the same bytes. Nothing where the lock has no archives or no base.
    pub fn key(&self, lock: &Lock, compression: Compression) -> Option<Sha256> {
        let system = lock.system.as_ref()?;
        let base = lock.base.runtime.digests?.platform_digest.to_string();
        let sha256 = |package: &SystemPackage| package.sha256;
        let below = self.below.iter().flat_map(|set| lock.system_packages(set.as_ref()));
        let below = below.map(|package| package.sha256.to_string());
        let effects = deb_layers::effects::RULES.to_owned();
        let skipped = system.skipped_scripts.iter().cloned();
        let context = [RULES.to_owned(), base, effects].into_iter().chain(skipped).chain(below);
        let context: Vec<String> = context.collect();
        let settings = deb_settings(lock, compression);
        Some(settings.key(self.packages(lock).map(sha256), context.iter().map(String::as_str)))
    }
}

/// What shapes a layer of system packages besides them.
pub fn deb_settings(lock: &Lock, compression: Compression) -> DebSettings {
    DebSettings {
        epoch: lock.target.source_date_epoch,
        compression: match compression {
            Compression::Gzip => LayerCompression::Gzip,
            Compression::Zstd => LayerCompression::Zstd,
        },
    }
}
