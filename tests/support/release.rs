//! A project with the platform's config.yaml and releases in it.

use std::collections::BTreeMap;

use envlock::reference::PinnedReference;
use envlock::release::{ProjectLock, Publication, Published, config_files, publish};
use envlock::spec::ImageName;

use super::{Envlock, Registry};

pub const CONFIG: &str = include_str!("../../config.yaml");

pub type Images = BTreeMap<ImageName, PinnedReference>;

/// Pushes both images, made from `seed`.
pub fn push_both(registry: &Registry, seed: &str) -> Images {
    ["ray-runtime", "marimo-runtime"]
        .map(|name| {
            (
                name.parse().unwrap(),
                registry.push(&format!("team/{name}"), &format!("{name} {seed}")),
            )
        })
        .into()
}

/// What `build --push` does after the push.
pub fn release(envlock: &Envlock, images: &Images, lock_text: &str) -> Published {
    let spec = envlock::spec::load(envlock.folder(), None).unwrap();
    envlock.write("env.lock", lock_text);
    let project = ProjectLock::acquire(envlock.folder(), || {}).unwrap();
    let files = config_files(envlock.folder(), &spec.config).unwrap();
    let publication = Publication {
        config: Some(&spec.config),
        files: &files,
        images,
        lock_text,
        lock_file: None,
        engine: "dockerfile",
    };
    publish(&project, &publication).unwrap()
}
