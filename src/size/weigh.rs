//! The documents of an image in its registry → its sizes. Names come from the lock, the base image and the
//! image's own history, in this order; none is guessed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ImageSize, LayerKind, LayerSize, PackageSize};
use crate::digest::Digest;
use crate::image::packages_of;
use crate::lock::{Lock, Package};
use crate::reference::PinnedReference;
use crate::registry::{Descriptor, Manifest};
use crate::spec::GroupName;

/// The prefix of a layer's line of history, as the layers engine writes it.
const OURS: &str = "envlock layer ";
/// The Dockerfile's script that installs a group.
const INSTALLS: &str = "/mnt/group.sh ";
/// The Dockerfile's scripts that change a base before any group is installed, in their order.
const SYSTEM: [(&str, &str); 2] =
    [("/mnt/build/base.sh", "system"), ("/mnt/compiler.sh", "compiler")];
/// The longest name that a layer gets from the history.
const LONGEST: usize = 60;

/// What is known of an image.
#[derive(Debug, Clone, Copy)]
pub struct Weighed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its reference.
    pub image: &'a PinnedReference,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its config.
    pub config: &'a Value,
    /// The layers of its base; `None`: they are not known, and the image's history is used.
    pub base: Option<&'a [Digest]>,
    /// The lock it was built from.
    pub lock: Option<&'a Lock>,
    /// Bytes of the tar files of layers that were read.
    pub unpacked: &'a BTreeMap<Digest, u64>,
}

/// The size of the image, layer by layer.
pub fn weigh(known: Weighed) -> ImageSize {
    let steps = steps(known.config, known.manifest.layers.len());
    let below = below(known.base, &known.manifest.layers, &steps);
    let layers = known.manifest.layers.iter().enumerate().map(|(index, layer)| {
        let step = steps.get(index).map(String::as_str);
        let pin = known.lock.and_then(|lock| lock.layers.iter().find(|p| p.digest == layer.digest));
        let mut size = match (known.lock, pin) {
            (Some(lock), Some(pin)) => of_packages(pin.name.clone(), packages_of(pin, lock)),
            _ if index < below => bare(base_name(index, below), LayerKind::Base),
            (lock, _) => by_step(step, lock),
        };
        size.digest = Some(layer.digest);
        size.compressed = Some(layer.size);
        let read = known.unpacked.get(&layer.digest).copied();
        size.unpacked = pin.map(|pin| pin.unpacked_size).or(read);
        size
    });
    ImageSize::new(known.name.to_owned(), Some(known.image.clone()), layers.collect())
}

/// How many of the layers are the base image's: those that it has itself, else those below the first that is ours.
fn below(base: Option<&[Digest]>, layers: &[Descriptor], steps: &[String]) -> usize {
    let ours = |step: &String| step.starts_with(OURS) || step.contains(SYSTEM[0].0);
    match base {
        Some(base) => base.iter().zip(layers).take_while(|(a, b)| **a == b.digest).count(),
        None => steps.iter().position(ours).unwrap_or(0),
    }
}

pub(super) fn base_name(index: usize, of: usize) -> String {
    match of {
        1 => "base image".to_owned(),
        of => format!("base image {}/{of}", index + 1),
    }
}

/// The lines of the history that made layers, from the bottom; none where it does not name all layers.
fn steps(config: &Value, layers: usize) -> Vec<String> {
    let history = config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let made = history.iter().filter(|step| step["empty_layer"] != Value::Bool(true));
    let lines: Vec<_> =
        made.map(|step| step["created_by"].as_str().unwrap_or_default().to_owned()).collect();
    if lines.len() == layers { lines } else { Vec::new() }
}

/// A layer that only the history names.
fn by_step(step: Option<&str>, lock: Option<&Lock>) -> LayerSize {
    let Some(step) = step.filter(|step| !step.is_empty()) else {
        return bare("layer without a name".to_owned(), LayerKind::Other);
    };
    if let Some(name) = step.strip_prefix(OURS) {
        return match name {
            "system" => bare(name.to_owned(), LayerKind::System),
            "python" => bare(name.to_owned(), LayerKind::Python),
            // Only its pin says which wheels are in it, and this lock does not have it.
            name => bare(name.to_owned(), LayerKind::Packages),
        };
    }
    for (script, name) in SYSTEM {
        if step.contains(script) {
            return bare(name.to_owned(), LayerKind::System);
        }
    }
    let group = step.split_once(INSTALLS).map(|(_, rest)| rest);
    let group = group.and_then(|rest| rest.split_whitespace().next()?.parse::<GroupName>().ok());
    match group {
        Some(group) => {
            let all = lock.into_iter().flat_map(|lock| &lock.packages);
            let packages: Vec<&Package> = all.filter(|p| p.group == group).collect();
            let mut layer = of_packages(group.to_string(), packages);
            layer.group = Some(group);
            layer
        }
        None => {
            // Of a RUN with mounts, the command is shown.
            let line = step.rsplit("/bin/sh -c ").next().unwrap_or(step);
            let line = line.strip_suffix("# buildkit").unwrap_or(line);
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut name: String = line.chars().take(LONGEST).collect();
            if name.len() < line.len() {
                name.push('…');
            }
            bare(name, LayerKind::Other)
        }
    }
}

fn bare(name: String, kind: LayerKind) -> LayerSize {
    LayerSize {
        name,
        kind,
        group: None,
        digest: None,
        compressed: None,
        unpacked: None,
        packages: Vec::new(),
    }
}

/// A layer of these distributions, biggest first.
pub(super) fn of_packages(name: String, mut packages: Vec<&Package>) -> LayerSize {
    packages.sort_by(|a, b| (b.size, &a.name).cmp(&(a.size, &b.name)));
    let group = packages.first().map(|package| package.group.clone());
    let packages = packages.into_iter().map(|package| PackageSize {
        name: package.name.to_string(),
        version: package.version.to_string(),
        compressed: package.size,
        unpacked: package.unpacked_size,
    });
    LayerSize { group, packages: packages.collect(), ..bare(name, LayerKind::Packages) }
}
