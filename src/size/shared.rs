//! Layers that images share, which a registry stores once and a machine pulls once.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ImageSize, LayerSize, Sum};

/// What several images share.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Shared {
    /// How many layers are in all of them.
    pub layers: usize,
    /// Their bytes in the registry.
    pub compressed: Sum,
    /// Bytes of their tar files.
    pub unpacked: Sum,
    /// What all images take together in one registry.
    pub together: Sum,
    /// What all images take together, unpacked on one machine.
    pub together_unpacked: Sum,
}

/// What the images share; `None` for fewer than two.
pub fn shared(images: &[ImageSize]) -> Option<Shared> {
    let (first, rest) = images.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let everywhere = |layer: &&LayerSize| rest.iter().all(|image| has(image, layer));
    let in_all: Vec<&LayerSize> = first.layers.iter().filter(everywhere).collect();
    let once = union(images);
    Some(Shared {
        layers: in_all.len(),
        compressed: Sum::of(in_all.iter().map(|layer| layer.compressed)),
        unpacked: Sum::of(in_all.iter().map(|layer| layer.unpacked)),
        together: Sum::of(once.iter().map(|layer| layer.compressed)),
        together_unpacked: Sum::of(once.iter().map(|layer| layer.unpacked)),
    })
}

/// Whether the image has the layer.
pub(super) fn has(image: &ImageSize, layer: &LayerSize) -> bool {
    image.layers.iter().any(|own| own.is(layer))
}

/// The layers of all images, each once.
pub(super) fn union(images: &[ImageSize]) -> Vec<&LayerSize> {
    let mut once: Vec<&LayerSize> = Vec::new();
    for layer in images.iter().flat_map(|image| &image.layers) {
        if !once.iter().any(|known| known.is(layer)) {
            once.push(layer);
        }
    }
    once
}
