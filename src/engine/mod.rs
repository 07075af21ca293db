//! What turns a plan into images.
mod buildx;
mod context;
pub mod dockerfile;
mod error;
mod gather;
pub mod layers;
mod progress;

pub use buildx::OLDEST as OLDEST_BUILDX;
pub use error::Error;
pub use gather::{Gatherer, gather};
