//! Finds the wheels in a pinned layer, from a lock alone: an image can be explained without its spec.

use super::LayerSettings;
use super::layering::{cut, is_alone};
use crate::lock::{LayerPin, Lock, Package};
use crate::spec::{BuildSpec, Bytecode, Compression};

/// The distributions in a layer of this lock, by name; none where the layer's key is not that of the wheels that its
/// name stands for: then the lock does not say what is in it.
pub fn packages_of<'a>(pin: &LayerPin, lock: &'a Lock) -> Vec<&'a Package> {
    let mut packages = named(&pin.name, lock);
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let is_key = |build| {
        let wheels = packages.iter().map(|package| package.sha256);
        LayerSettings::of(lock, build).key(wheels) == pin.key
    };
    match every_build().any(is_key) {
        true => packages,
        false => Vec::new(),
    }
}

/// How a layer was compressed and whether its modules were compiled is in its key only: each combination is tried.
fn every_build() -> impl Iterator<Item = BuildSpec> {
    let compressions = [Compression::Gzip, Compression::Zstd];
    let bytecodes = [Bytecode::None, Bytecode::UncheckedHash];
    compressions.into_iter().flat_map(move |compression| {
        bytecodes.map(|bytecode| BuildSpec { compression, bytecode, ..BuildSpec::default() })
    })
}

/// `torch` is a wheel alone; `torch (21 packages)` and `ray 1/2 (30 packages)` are what is left of a group.
fn named<'a>(name: &str, lock: &'a Lock) -> Vec<&'a Package> {
    let pinned =
        |package: &Package| lock.layers.iter().any(|pin| pin.name == package.name.to_string());
    let Some((bundle, _)) = name.split_once(" (") else {
        return lock.packages.iter().filter(|package| package.name.to_string() == name).collect();
    };
    let (group, part) = match bundle.rsplit_once(' ') {
        Some((group, part)) => (group, part.split_once('/')),
        None => (bundle, None),
    };
    let of_group = lock.packages.iter().filter(|package| package.group.as_str() == group);
    let rest = of_group.filter(|package| !(is_alone(package) && pinned(package)));
    let rest: Vec<&Package> = rest.collect();
    let pieces = cut(&rest);
    let index = part.map_or(Some(0), |(index, _)| index.parse::<usize>().ok()?.checked_sub(1));
    index.and_then(|index| pieces.into_iter().nth(index)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Digest, Sha256};
    use crate::image::{OwnLayer, layers_of_all};
    use crate::lock::sample;
    use crate::spec::builtin;

    /// A lock with a bundle in pieces, its layers pinned as a build of this spec leaves them.
    fn built(build: BuildSpec) -> (Lock, Vec<(LayerPin, Vec<String>)>) {
        let mut spec = builtin().unwrap();
        spec.build = build;
        let mut lock = sample();
        for number in 0..40 {
            let mut package = lock.packages[0].clone();
            package.name = format!("part{number}").parse().unwrap();
            package.group = "ray".parse().unwrap();
            package.requested = if number < 2 { vec!["part".to_owned()] } else { vec![] };
            package.sha256 = Sha256::of(package.name.to_string());
            (package.size, package.unpacked_size) = (30_000_000, 90_000_000);
            lock.packages.push(package);
        }
        lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
        let images = layers_of_all(&lock, &spec).unwrap();
        let wheels = images.last().unwrap().layers.iter().filter_map(|layer| match layer {
            OwnLayer::Wheels(wheels) => Some(wheels.clone()),
            _ => None,
        });
        let pins: Vec<_> = wheels
            .map(|layer| {
                let of = layer.packages.iter().map(|name| lock.package(name).unwrap().sha256);
                let pin = LayerPin {
                    key: LayerSettings::of(&lock, build).key(of),
                    digest: Digest::of(&layer.name),
                    diff_id: Digest::of(&layer.name),
                    size: layer.size,
                    unpacked_size: layer.unpacked_size,
                    name: layer.name,
                };
                (pin, layer.packages.iter().map(ToString::to_string).collect())
            })
            .collect();
        lock.layers = pins.iter().map(|(pin, _): &(LayerPin, _)| pin.clone()).collect();
        (lock, pins)
    }

    #[test]
    fn every_layer_of_a_build_gives_back_its_packages_without_the_spec() {
        for build in every_build() {
            let (lock, pins) = built(build);
            assert!(pins.iter().any(|(pin, _)| pin.name.starts_with("ray 2/")), "{pins:?}");
            for (pin, packages) in &pins {
                let found: Vec<_> =
                    packages_of(pin, &lock).iter().map(|p| p.name.to_string()).collect();
                assert_eq!(found, *packages, "{}", pin.name);
            }
        }
    }

    #[test]
    fn a_layer_that_is_not_of_these_wheels_has_no_packages() {
        let (mut lock, pins) = built(BuildSpec::default());
        for package in &mut lock.packages {
            package.sha256 = Sha256::of("another");
        }
        assert!(pins.iter().all(|(pin, _)| packages_of(pin, &lock).is_empty()));
    }
}
