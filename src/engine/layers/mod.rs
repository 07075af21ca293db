//! The engine that needs no daemon: wheels become image layers without being compressed again.
mod base;
mod build;
mod bytecode;
mod error;
mod layer_builder;
mod lazy_blob;
mod packages;
mod path_check;
mod place;
mod preflight;
pub mod python;
mod refused;
pub mod standalone;
pub mod system;
mod timings;

pub use build::{Built, Engine, Order};
pub use error::Error;
