//! Images → a tree whose bytes add up: groups, layers, packages. A layer of several images is in it once.

use super::bytes::{megabytes, share};
use super::shared::{has, union};
use super::{ImageSize, LayerKind, LayerSize, Measure, PackageSize};

/// A part of a treemap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its label.
    pub label: String,
    /// The lines of its hover text.
    pub detail: Vec<String>,
    /// Its weight: the sum of its children's, where it has some.
    pub bytes: u64,
    /// Biggest first; of the same weight, in the order of their labels.
    pub children: Vec<Node>,
}

impl Node {
    fn of(label: String, detail: Vec<String>, mut children: Vec<Node>) -> Self {
        children.sort_by(|a, b| (b.bytes, &a.label).cmp(&(a.bytes, &b.label)));
        let bytes = children.iter().map(|child| child.bytes).sum();
        Node { label, detail, bytes, children }
    }
}

/// The tree of all images by this measure; layers whose bytes are not known are not in it.
pub fn treemap(images: &[ImageSize], measure: Measure) -> Node {
    let layers = union(images);
    let whole = layers.iter().filter_map(|layer| measure.of(layer)).sum();
    let mut regions: Vec<(String, Vec<Node>)> = Vec::new();
    for layer in layers {
        let Some(bytes) = measure.of(layer) else { continue };
        let heading = heading(layer, images);
        let node = of_layer(layer, bytes, whole, measure);
        match regions.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, nodes)) => nodes.push(node),
            None => regions.push((heading, vec![node])),
        }
    }
    let regions = regions.into_iter().map(|(name, nodes)| Node::of(name, Vec::new(), nodes));
    Node::of(measure.word().to_owned(), Vec::new(), regions.collect())
}

/// The group, and which images have the layer where not all do.
fn heading(layer: &LayerSize, images: &[ImageSize]) -> String {
    let part = match (layer.kind, &layer.group) {
        (LayerKind::Base, _) => "base image",
        (LayerKind::System | LayerKind::Python, _) => "system and Python",
        (_, Some(group)) => group.as_str(),
        (LayerKind::Packages, None) => "packages",
        (LayerKind::Other, None) => "other layers",
    };
    let having: Vec<&str> =
        images.iter().filter(|image| has(image, layer)).map(|image| image.name.as_str()).collect();
    match having.len() == images.len() {
        true => part.to_owned(),
        false => format!("{part}, only in {}", having.join(" and ")),
    }
}

fn of_layer(layer: &LayerSize, bytes: u64, whole: u64, measure: Measure) -> Node {
    let word = measure.word();
    let line = |bytes| format!("{} {word}, {} of all", megabytes(bytes), share(bytes, whole));
    if layer.packages.len() < 2 {
        let version = layer.packages.first().map(|package| format!(" {}", package.version));
        let name = format!("{}{}", layer.name, version.unwrap_or_default());
        let detail = vec![name, line(bytes)];
        return Node { label: layer.name.clone(), detail, bytes, children: Vec::new() };
    }
    let mut packages: Vec<&PackageSize> = layer.packages.iter().collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let weights: Vec<u64> = packages.iter().map(|p| measure.of_package(p)).collect();
    let parts = apportion(bytes, &weights);
    let packages = packages.into_iter().zip(parts).map(|(package, bytes)| Node {
        label: package.name.clone(),
        detail: vec![
            format!("{} {}", package.name, package.version),
            format!("in the layer {}", layer.name),
            format!(
                "wheel {}, its files {}",
                megabytes(package.compressed),
                megabytes(package.unpacked)
            ),
            line(bytes),
        ],
        bytes,
        children: Vec::new(),
    });
    let mut node =
        Node::of(layer.name.clone(), vec![layer.name.clone(), line(bytes)], packages.collect());
    // Packages of no bytes at all leave their layer whole.
    node.bytes = bytes;
    node
}

/// `total` in parts as `weights` are to each other; the parts add up to it (largest remainder). All 0 where all
/// weights are.
pub(super) fn apportion(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: u64| u128::from(total) * u128::from(weight);
    let mut parts: Vec<u64> = weights
        .iter()
        .map(|weight| {
            u64::try_from(exact(*weight) / sum).expect("a part is no more than the total")
        })
        .collect();
    let mut left = total - parts.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(exact(weights[*at]) % sum));
    for at in order {
        if left == 0 {
            break;
        }
        parts[at] += 1;
        left -= 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole_and_follow_the_weights() {
        assert_eq!(apportion(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(apportion(100, &[0, 5, 0]), [0, 100, 0]);
        assert_eq!(apportion(7, &[0, 0]), [0, 0]);
        let weights = [1_143_934_181, 36_912_344, 1, 999, 6_012_000_000];
        let parts = apportion(7_000_000_001, &weights);
        assert_eq!(parts.iter().sum::<u64>(), 7_000_000_001);
        // What weighs more has no less area.
        let mut pairs: Vec<_> = weights.iter().zip(&parts).collect();
        pairs.sort();
        assert!(pairs.is_sorted_by_key(|(_, part)| **part), "{pairs:?}");
    }
}
