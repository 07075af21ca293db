//! What changed between two images: by package, and by layer, which is what a machine with the old image pulls.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::shared::has;
use super::{ImageSize, LayerSize, PackageSize, Sum};
use crate::reference::PinnedReference;

/// One image compared with an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Changes {
    /// The image.
    pub name: String,
    /// What it is compared with: `release 3`, or as it was named.
    pub since: String,
    /// The earlier image.
    pub before: Option<PinnedReference>,
    /// The size of the earlier one.
    pub compressed_before: Sum,
    /// The size of its tar files.
    pub unpacked_before: Sum,
    /// Bytes that a machine with the earlier image pulls.
    pub pulled: Sum,
    /// Packages that were added, removed or changed, by the change of their wheels' size; empty where a lock is missing.
    pub packages: Vec<PackageChange>,
    /// Layers that only one of them has.
    pub layers: Vec<LayerChange>,
}

/// A distribution that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its earlier version; `None`: it is new.
    pub from: Option<PackageSize>,
    /// Its present version; `None`: it was removed.
    pub to: Option<PackageSize>,
}

/// Layers of one name that only one of the images has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerChange {
    /// Its name for people.
    pub name: String,
    /// Bytes in the registry that it had; `None`: there was none of this name, or they are not known.
    pub from: Option<u64>,
    /// Bytes in the registry that it has; `None`: there is none of this name, or they are not known.
    pub to: Option<u64>,
}

/// The changes from `before` to `now`. `since` is the name of `before` for people.
pub fn changes(before: &ImageSize, now: &ImageSize, since: &str) -> Changes {
    let new = now.layers.iter().filter(|layer| !has(before, layer));
    Changes {
        name: now.name.clone(),
        since: since.to_owned(),
        before: before.image.clone(),
        compressed_before: before.compressed,
        unpacked_before: before.unpacked,
        pulled: Sum::of(new.map(|layer| layer.compressed)),
        packages: packages(before, now),
        layers: layers(before, now),
    }
}

fn packages(before: &ImageSize, now: &ImageSize) -> Vec<PackageChange> {
    // An image whose lock is not known has no packages, which does not mean that all of them are new.
    if before.packages().next().is_none() || now.packages().next().is_none() {
        return Vec::new();
    }
    let mut all: BTreeMap<&str, (Option<&PackageSize>, Option<&PackageSize>)> = BTreeMap::new();
    for package in before.packages() {
        all.entry(&package.name).or_default().0 = Some(package);
    }
    for package in now.packages() {
        all.entry(&package.name).or_default().1 = Some(package);
    }
    let changed = all.into_iter().filter(|(_, (from, to))| from != to);
    let mut changed: Vec<_> = changed
        .map(|(name, (from, to))| PackageChange {
            name: name.to_owned(),
            from: from.cloned(),
            to: to.cloned(),
        })
        .collect();
    let bytes = |side: &Option<PackageSize>| side.as_ref().map_or(0, |package| package.compressed);
    // The sort is stable: equal changes stay in the order of the names.
    changed.sort_by_key(|c| std::cmp::Reverse(bytes(&c.to).abs_diff(bytes(&c.from))));
    changed
}

fn layers(before: &ImageSize, now: &ImageSize) -> Vec<LayerChange> {
    fn only<'a>(of: &'a ImageSize, other: &ImageSize) -> Vec<&'a LayerSize> {
        of.layers.iter().filter(|layer| !has(other, layer)).collect()
    }
    let (mut gone, new) = (only(before, now), only(now, before));
    let mut changed: Vec<LayerChange> = Vec::new();
    for layer in new {
        let same = gone.iter().position(|old| stem(&old.name) == stem(&layer.name));
        let old = same.map(|at| gone.remove(at));
        if layer.digest.is_none() && layer.compressed.is_none() {
            // It is only planned: whether its bytes change is not known yet.
            continue;
        }
        let (from, to) = (old.and_then(|old| old.compressed), layer.compressed);
        changed.push(LayerChange { name: layer.name.clone(), from, to });
    }
    changed.extend(gone.into_iter().map(|layer| LayerChange {
        name: layer.name.clone(),
        from: layer.compressed,
        to: None,
    }));
    changed
}

/// `ray (41 packages)` and `ray (42 packages)` are one layer that changed.
fn stem(name: &str) -> &str {
    match name.strip_suffix(" packages)").and_then(|rest| rest.rsplit_once('(')) {
        Some((bundle, _)) => bundle,
        None => name,
    }
}
