//! The engine that needs no daemon: wheels become image layers without being recompressed.
#[cfg(test)]
mod fixture;
mod gunzip;
mod measure;
mod recompress;
mod rope;
mod splice;
mod splice_error;
mod tar;
pub mod tree;

pub use measure::{Layer, Measured, measure};
pub use recompress::write_zstd;
pub use rope::{Rope, Segment, Source};
pub use splice::splice;
pub use splice_error::SpliceError;

/// The media type of a layer that [`splice()`] makes.
pub const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The media type of a layer that [`write_zstd`] makes.
pub const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
