#![doc = include_str!("../README.md")]

pub mod archive;
mod chunks;
mod directory;
mod entry_points;
mod error;
#[cfg(test)]
mod fixture;
mod flaw;
mod gunzip;
mod identity;
mod install;
mod measure;
pub mod metadata;
mod names;
mod namespace;
mod path_conflicts;
mod pipeline;
#[cfg(feature = "zstd")]
mod recompress;
pub mod record;
mod recorded;
mod segments;
mod splice;
mod splice_error;
mod tar;
pub mod tree;
mod wheel;
mod wheel_name;
pub mod zip;

pub use directory::check_members;
pub use error::Error;
pub use flaw::Flaw;
pub use identity::identity;
pub use install::{Environment, install};
pub use measure::{Measured, measure, measure_with};
pub use path_conflicts::{PathContent, PathEntry, PathOwners};
pub use pipeline::Progress;
#[cfg(feature = "zstd")]
pub use recompress::{write_zstd, write_zstd_with};
pub use segments::{Reader, Segment, Segments, Source};
pub use splice::splice;
pub use splice_error::SpliceError;
pub use wheel::Wheel;
pub use wheel_name::{BadWheelName, WheelName, same_project, same_version};

/// The media type of a layer that [`splice()`] makes.
pub const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The media type of a layer that `write_zstd` makes.
pub const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
