//! Sizes of images: manifest, config and lock → layers and packages with their bytes; what images share, what
//! changed, which files they have; as text, JSON, SVG or HTML. Pure.
mod area;
mod bytes;
mod changes;
mod files;
mod html;
mod inventory;
mod model;
mod planned;
mod report;
mod shared;
mod squarify;
mod svg;
mod text;
mod treemap;
mod weigh;

pub use changes::{Changes, changes};
pub use files::{Copy, FileFact, Files, files};
pub use html::html;
pub use inventory::{Inventory, inventory, tar_size};
pub use model::{ImageSize, LayerKind, LayerSize, Measure, PackageSize, Sum};
pub use planned::{Grounds, planned};
pub use report::Report;
pub use shared::{Shared, shared};
pub use svg::svg;
pub use text::text;
pub use treemap::treemap;
pub use weigh::{Weighed, weigh};

#[cfg(test)]
mod tests;
