//! Sizes of images, as values.

use schemars::JsonSchema;
use serde::Serialize;

use crate::digest::Digest;
use crate::reference::PinnedReference;
use crate::spec::GroupName;

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImageSize {
    /// `ray-runtime`
    pub name: String,
    /// Its reference; `None`: it is only planned.
    pub image: Option<PinnedReference>,
    /// The sum of the known sizes of its layers in the registry.
    pub compressed: Sum,
    /// The sum of the known sizes of their tar files.
    pub unpacked: Sum,
    /// Its layers, from the lowest.
    pub layers: Vec<LayerSize>,
}

/// A sum that may be incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Sum {
    /// Bytes of all layers that are known.
    pub bytes: u64,
    /// How many layers are unknown.
    pub unknown_layers: usize,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LayerSize {
    /// Its name for people: `torch`, `ray (41 packages)`, `base image`.
    pub name: String,
    /// The kind of its content.
    pub kind: LayerKind,
    /// The group of its packages.
    pub group: Option<GroupName>,
    /// Its digest; `None`: it was not made yet.
    pub digest: Option<Digest>,
    /// Bytes in the registry; of a layer that was not made yet, of its wheels. `None`: not known.
    pub compressed: Option<u64>,
    /// Bytes of its tar file; of a layer that was not made yet, of the files in its wheels. `None`: not known.
    pub unpacked: Option<u64>,
    /// Its packages by the lock, biggest first.
    pub packages: Vec<PackageSize>,
}

/// What a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerKind {
    /// It is the base image's.
    Base,
    /// The user, the scripts, the folders.
    System,
    /// The interpreter.
    Python,
    /// Installed wheels.
    Packages,
    /// None of these.
    Other,
}

/// One distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackageSize {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Bytes of its wheel.
    pub compressed: u64,
    /// Bytes of the files in it.
    pub unpacked: u64,
}

/// Which bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Measure {
    /// As a registry stores them and a pull transfers them
    #[default]
    Compressed,
    /// As they are on a disk
    Unpacked,
}

impl Measure {
    /// The bytes of a layer.
    pub fn of(self, layer: &LayerSize) -> Option<u64> {
        match self {
            Measure::Compressed => layer.compressed,
            Measure::Unpacked => layer.unpacked,
        }
    }

    /// The bytes of a package.
    pub fn of_package(self, package: &PackageSize) -> u64 {
        match self {
            Measure::Compressed => package.compressed,
            Measure::Unpacked => package.unpacked,
        }
    }

    /// `compressed`
    pub fn word(self) -> &'static str {
        match self {
            Measure::Compressed => "compressed",
            Measure::Unpacked => "unpacked",
        }
    }
}

impl Sum {
    /// Of these bytes.
    pub fn of(parts: impl IntoIterator<Item = Option<u64>>) -> Self {
        parts.into_iter().fold(Sum::default(), |sum, part| match part {
            Some(bytes) => Sum { bytes: sum.bytes + bytes, ..sum },
            None => Sum { unknown_layers: sum.unknown_layers + 1, ..sum },
        })
    }
}

impl ImageSize {
    /// An image with the sums of its layers.
    pub fn new(name: String, image: Option<PinnedReference>, layers: Vec<LayerSize>) -> Self {
        ImageSize {
            name,
            image,
            compressed: Sum::of(layers.iter().map(|layer| layer.compressed)),
            unpacked: Sum::of(layers.iter().map(|layer| layer.unpacked)),
            layers,
        }
    }

    /// The sum by this measure.
    pub fn sum(&self, measure: Measure) -> Sum {
        match measure {
            Measure::Compressed => self.compressed,
            Measure::Unpacked => self.unpacked,
        }
    }

    /// Every distribution in it, in the order of its layers.
    pub fn packages(&self) -> impl Iterator<Item = &PackageSize> {
        self.layers.iter().flat_map(|layer| &layer.packages)
    }
}

impl LayerSize {
    /// Whether both are the same bytes, or will be made of the same wheels.
    pub fn is(&self, other: &LayerSize) -> bool {
        match (self.digest, other.digest) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.name == other.name && self.packages == other.packages,
            _ => false,
        }
    }
}
