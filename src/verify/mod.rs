//! Runs images in containers, by docker or podman, and compares them with their lock. Expectations and outcomes
//! are decided in [`checks`], which is pure; the rest starts containers, queries them, and removes them.
pub mod checks;
mod cluster;
mod clusters;
mod error;
mod gpu;
mod known;
mod notebook;
mod probe;
mod pull;
mod runner;
mod runtime;
mod sandbox;
mod target;

pub use error::Error;
pub use runner::run;
pub use runtime::{Choice, Runtime};
pub use target::{Selection, Target};
