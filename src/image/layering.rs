//! Lock → the layers that the `layers` engine makes: which wheel goes into which layer. Decided from the lock and
//! the spec alone, so that images which share groups share layers, and a changed package changes its own layer only.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;
use serde::Serialize;

use super::{Error, LayerSettings, PackageLayer, Plan};
use crate::digest::Sha256;
use crate::lock::{Lock, Package};
use crate::spec::{GroupName, ImageName, Spec};

/// A wheel of more bytes has a layer of its own.
const BIG: u64 = 64_000_000;
/// A bundle of more unpacked bytes is split.
const LONGEST_BUNDLE: u64 = 1_000_000_000;
/// Own layers of an image with everything below it.
const MOST_OWN: usize = 40;
/// Layers of an image with its base: overlay file systems and registries end at 127.
const MOST_IN_ALL: usize = 120;
/// Bytes, packed or unpacked: several registries take no more in one layer.
const BIGGEST_LAYER: u64 = 8_000_000_000;

/// One image's own layers, those of the images it continues included, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageLayers {
    /// The image.
    pub image: ImageName,
    /// The layers on its base.
    pub layers: Vec<OwnLayer>,
}

/// A layer that envlock makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum OwnLayer {
    /// The user, the scripts, the folders.
    System,
    /// The interpreter.
    Python,
    /// Packages of the base's distribution.
    SystemPackages(PackageLayer),
    /// Installed wheels.
    Wheels(WheelLayer),
}

/// Wheels that share a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct WheelLayer {
    /// Its name for people: `torch`, `ray (41 packages)`.
    pub name: String,
    /// The group they belong to.
    pub group: GroupName,
    /// The distributions, sorted.
    pub packages: Vec<PackageName>,
    /// Bytes of the wheels.
    pub size: u64,
    /// Bytes of the files in them.
    pub unpacked_size: u64,
}

impl OwnLayer {
    /// What people call it.
    pub fn name(&self) -> &str {
        match self {
            OwnLayer::System => "system",
            OwnLayer::Python => "python",
            OwnLayer::SystemPackages(layer) => &layer.name,
            OwnLayer::Wheels(layer) => &layer.name,
        }
    }
}

/// The own layers of the plan's images.
///
/// # Errors
///
/// [`Error::ManyLayers`], [`Error::BigLayer`].
pub fn layering(plan: &Plan, lock: &Lock, spec: &Spec) -> Result<Vec<ImageLayers>, Error> {
    all_layers(plan.images.iter().map(|image| &image.name), lock, spec)
}

/// The own layers of all images of the spec.
///
/// # Errors
///
/// Those of [`layering`].
pub fn layers_of_all(lock: &Lock, spec: &Spec) -> Result<Vec<ImageLayers>, Error> {
    all_layers(spec.images.iter().map(|image| &image.name), lock, spec)
}

/// The keys of all layers of wheels and system packages that the spec's images can have; none where [`layering`] fails.
pub fn layer_keys(lock: &Lock, spec: &Spec) -> BTreeSet<Sha256> {
    let images = layers_of_all(lock, spec);
    let settings = LayerSettings::of(lock, spec.build);
    let key = |layer: &OwnLayer| match layer {
        OwnLayer::SystemPackages(layer) => layer.key(lock, spec.build.compression),
        OwnLayer::Wheels(layer) => {
            let packages = layer.packages.iter().filter_map(|name| lock.package(name));
            Some(settings.key(packages.map(|package| package.sha256)))
        }
        OwnLayer::System | OwnLayer::Python => None,
    };
    images.unwrap_or_default().iter().flat_map(|i| &i.layers).filter_map(key).collect()
}

fn all_layers<'a>(
    requested: impl Iterator<Item = &'a ImageName>,
    lock: &Lock,
    spec: &Spec,
) -> Result<Vec<ImageLayers>, Error> {
    // Every image of the spec counts, also one that is not built now: they share layers.
    let images: Vec<_> = spec.images.iter().map(|i| (&i.name, groups(&i.name, spec))).collect();
    let mut alone: BTreeSet<&PackageName> =
        lock.packages.iter().filter(|p| is_alone(p)).map(|p| &p.name).collect();
    let of_group = |alone: &BTreeSet<&PackageName>| -> BTreeMap<&GroupName, Vec<WheelLayer>> {
        let names = images.iter().flat_map(|(_, groups)| groups.iter().copied());
        names.map(|group| (group, layers_of(group, lock, alone))).collect()
    };
    let mut layers = of_group(&alone);
    for (image, groups) in &images {
        let count = |layers: &BTreeMap<&GroupName, Vec<WheelLayer>>| {
            let packages = PackageLayer::of_image(image, lock, spec).len();
            2 + packages + groups.iter().map(|group| layers[group].len()).sum::<usize>()
        };
        while count(&layers) > MOST_OWN {
            let candidates = lock.packages.iter().filter(|p| alone.contains(&p.name));
            let candidates = candidates.filter(|p| groups.contains(&&p.group));
            let Some(smallest) = candidates.min_by_key(|p| (p.size, &p.name)) else {
                let (image, count) = ((*image).clone(), count(&layers));
                return Err(Error::ManyLayers { image, count, most: MOST_OWN });
            };
            alone.remove(&smallest.name);
            layers = of_group(&alone);
        }
    }
    let too_big = |layer: &&WheelLayer| layer.size.max(layer.unpacked_size) > BIGGEST_LAYER;
    if let Some(layer) = layers.values().flatten().find(too_big) {
        let (name, size) = (layer.name.clone(), layer.size.max(layer.unpacked_size));
        return Err(Error::BigLayer { name, size, most: BIGGEST_LAYER });
    }
    let own = |image: &ImageName| {
        let mut packages = PackageLayer::of_image(image, lock, spec).into_iter().peekable();
        let mut own = vec![OwnLayer::System, OwnLayer::Python];
        let mut chain: Vec<_> = spec.chain(image).collect();
        chain.reverse();
        own.extend(packages.next_if(|layer| layer.image.is_none()).map(OwnLayer::SystemPackages));
        let mut seen = BTreeSet::new();
        for image in chain {
            let is_its = |layer: &PackageLayer| layer.image.as_ref() == Some(&image.name);
            own.extend(packages.next_if(is_its).map(OwnLayer::SystemPackages));
            let new = image.groups.iter().filter(|group| seen.insert(*group));
            own.extend(new.flat_map(|group| &layers[group]).cloned().map(OwnLayer::Wheels));
        }
        own
    };
    Ok(requested.map(|image| ImageLayers { image: image.clone(), layers: own(image) }).collect())
}

impl ImageLayers {
    /// Whether a layer of it has system packages.
    pub fn has_system_packages(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, OwnLayer::SystemPackages(_)))
    }

    /// Fails when the image, on a base with this many layers, has more than overlay file systems support.
    pub fn fits_on(&self, base_layers: usize) -> Result<(), Error> {
        let count = base_layers + self.layers.len();
        if count <= MOST_IN_ALL {
            return Ok(());
        }
        Err(Error::ManyLayers { image: self.image.clone(), count, most: MOST_IN_ALL })
    }
}

/// The groups of an image, lowest first, those of the images it continues included.
pub fn groups<'a>(image: &ImageName, spec: &'a Spec) -> Vec<&'a GroupName> {
    let chain: Vec<_> = spec.chain(image).collect();
    let mut groups = Vec::new();
    for group in chain.into_iter().rev().flat_map(|image| &image.groups) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

/// Packages that users update, and big ones, do not change layers because of other packages.
pub(super) fn is_alone(package: &Package) -> bool {
    !package.requested.is_empty() || package.size > BIG
}

/// Big dependencies, then the bundle, then what was asked for: roughly by how often they change.
fn layers_of(group: &GroupName, lock: &Lock, alone: &BTreeSet<&PackageName>) -> Vec<WheelLayer> {
    let packages = lock.packages.iter().filter(|p| p.group == *group);
    let (own, bundled): (Vec<_>, Vec<_>) = packages.partition(|p| alone.contains(&p.name));
    let (asked, big): (Vec<_>, Vec<_>) = own.into_iter().partition(|p| !p.requested.is_empty());
    let single = |p: &Package| layer(p.name.to_string(), group, &[p]);
    let mut layers: Vec<_> = big.into_iter().map(single).collect();
    let pieces = cut(&bundled);
    for (index, piece) in pieces.iter().enumerate() {
        let part = match pieces.len() {
            1 => String::new(),
            parts => format!(" {}/{parts}", index + 1),
        };
        let count = piece.len();
        let name = match piece.as_slice() {
            [one] => one.name.to_string(),
            _ => format!("{group}{part} ({count} packages)"),
        };
        layers.push(layer(name, group, piece));
    }
    layers.extend(asked.into_iter().map(single));
    layers
}

/// Splits a bundle into as many pieces as keep each below the limit. A package's piece depends on its name only, so a
/// package that grows does not move others to another piece.
pub(super) fn cut<'a>(packages: &[&'a Package]) -> Vec<Vec<&'a Package>> {
    let size = |piece: &Vec<&Package>| piece.iter().map(|p| p.unpacked_size).sum::<u64>();
    for count in 1..=packages.len() as u64 {
        let mut pieces = BTreeMap::<u64, Vec<&Package>>::new();
        for package in packages {
            let hash = Sha256::of(package.name.as_ref() as &str);
            let number = hash.as_bytes()[..8].iter().fold(0, |n, &b| n << 8 | u64::from(b));
            pieces.entry(number % count).or_default().push(package);
        }
        let fits = |piece: &Vec<&Package>| piece.len() == 1 || size(piece) <= LONGEST_BUNDLE;
        if pieces.values().all(fits) {
            return pieces.into_values().collect();
        }
    }
    packages.iter().map(|p| vec![*p]).collect()
}

fn layer(name: String, group: &GroupName, packages: &[&Package]) -> WheelLayer {
    WheelLayer {
        name,
        group: group.clone(),
        packages: packages.iter().map(|p| p.name.clone()).collect(),
        size: packages.iter().map(|p| p.size).sum(),
        unpacked_size: packages.iter().map(|p| p.unpacked_size).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::planning::tests::sample_plan;
    use crate::lock::sample;
    use crate::spec::builtin;

    fn add(lock: &mut Lock, name: &str, group: &str, size: u64, asked: bool) {
        let mut package = lock.packages[0].clone();
        package.name = name.parse().unwrap();
        package.group = group.parse().unwrap();
        package.requested = if asked { vec![name.to_owned()] } else { vec![] };
        (package.size, package.unpacked_size) = (size, size * 2);
        lock.packages.push(package);
        lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn layered(lock: &Lock) -> Result<Vec<ImageLayers>, Error> {
        layering(&sample_plan(&[], None).unwrap(), lock, &builtin().unwrap())
    }

    fn names(image: &ImageLayers) -> Vec<&str> {
        image.layers.iter().map(OwnLayer::name).collect()
    }

    fn stack() -> Lock {
        let mut lock = sample();
        add(&mut lock, "nvidia-cudnn-cu13", "torch", 553_000_000, false);
        for name in ["numpy", "sympy"] {
            add(&mut lock, name, "torch", 6_000_000, false);
        }
        add(&mut lock, "pyzmq", "ray", 1_000_000, true);
        for name in ["aiohttp", "grpcio", "pandas"] {
            add(&mut lock, name, "ray", 1_000_000, false);
        }
        lock
    }

    #[test]
    fn what_is_asked_for_or_big_is_alone_and_the_rest_of_a_group_is_bundled() {
        let images = layered(&stack()).unwrap();
        let ray = ["system", "python", "pip", "nvidia-cudnn-cu13", "torch (2 packages)", "torch"];
        let ray = [&ray[..], &["ray (3 packages)", "pyzmq", "ray"]].concat();
        assert_eq!(names(&images[0]), ray);
        // The image that continues it has the very same layers below its own.
        assert_eq!(names(&images[1]), [&ray[..], &["marimo"]].concat());
        assert_eq!(images[1].layers[..ray.len()], images[0].layers);
    }

    #[test]
    fn a_changed_package_changes_its_own_layer_only() {
        let before = layered(&stack()).unwrap();
        let mut lock = stack();
        let grpcio = lock.packages.iter_mut().find(|p| p.name.as_ref() == "grpcio").unwrap();
        grpcio.size += 1;
        let after = layered(&lock).unwrap();
        let pairs = before[1].layers.iter().zip(&after[1].layers);
        let changed: Vec<_> = pairs.filter(|(a, b)| a != b).map(|(a, _)| a.name()).collect();
        assert_eq!(changed, ["ray (3 packages)"]);
    }

    #[test]
    fn too_many_layers_are_merged_from_the_smallest_on() {
        let mut lock = stack();
        for number in 0..45 {
            add(&mut lock, &format!("asked{number:02}"), "ray", 2_000_000 + number, true);
        }
        let images = layered(&lock).unwrap();
        assert_eq!(images[1].layers.len(), MOST_OWN);
        assert_eq!(images[0].layers, images[1].layers[..MOST_OWN - 1]);
        let names = names(&images[1]);
        assert!(names.contains(&"asked44") && names.contains(&"nvidia-cudnn-cu13"), "{names:?}");
        assert!(!names.contains(&"asked00") && !names.contains(&"ray"), "{names:?}");
        assert!(images[1].fits_on(80).is_ok());
        assert!(matches!(images[1].fits_on(81), Err(Error::ManyLayers { count: 121, .. })));
    }

    #[test]
    fn a_bundle_over_the_limit_is_cut_by_name_alone() {
        let mut lock = sample();
        for number in 0..40 {
            add(&mut lock, &format!("part{number}"), "ray", 50_000_000, false);
        }
        let images = layered(&lock).unwrap();
        let bundles = |images: &[ImageLayers]| -> Vec<WheelLayer> {
            let wheels = images[0].layers.iter().filter_map(|layer| match layer {
                OwnLayer::Wheels(wheels) if wheels.packages.len() > 1 => Some(wheels.clone()),
                _ => None,
            });
            wheels.collect()
        };
        let before = bundles(&images);
        assert!(before.len() > 3 && before.iter().all(|b| b.unpacked_size <= LONGEST_BUNDLE));
        assert!(before[0].name.starts_with("ray 1/"), "{}", before[0].name);
        let part = lock.packages.iter_mut().find(|p| p.name.as_ref() == "part7").unwrap();
        part.unpacked_size -= 10;
        let after = bundles(&layered(&lock).unwrap());
        assert_eq!(before.iter().zip(&after).filter(|(a, b)| a != b).count(), 1);
    }

    #[test]
    fn a_layer_that_registries_refuse_is_an_error() {
        let mut lock = sample();
        add(&mut lock, "weights", "torch", 5_000_000_000, false);
        let error = layered(&lock).unwrap_err();
        assert!(matches!(&error, Error::BigLayer { name, .. } if name == "weights"), "{error}");
    }
}
