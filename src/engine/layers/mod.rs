//! The engine that needs no daemon: wheels become image layers without being recompressed.
pub mod archive;
mod build;
mod bytecode;
pub mod claims;
mod entry_points;
pub mod error;
#[cfg(test)]
mod fixture;
mod gunzip;
pub mod install;
mod kitchen;
mod made;
mod measure;
mod namespace;
mod phases;
pub mod python;
mod recompress;
mod recorded;
mod rope;
mod splice;
mod splice_error;
pub mod system;
mod tar;
pub mod tree;
mod unfit;
pub mod wheel;

pub use build::{Built, Engine, Order};
pub use measure::{Layer, Measured, Tell, measure, measure_telling};
pub use recompress::{write_zstd, write_zstd_telling};
pub use rope::{Rope, Segment, Source};
pub use splice::splice;
pub use splice_error::SpliceError;
pub use unfit::{Unfit, check};

/// The media type of a layer that [`splice()`] makes.
pub const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The media type of a layer that [`write_zstd`] makes.
pub const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
