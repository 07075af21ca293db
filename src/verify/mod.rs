//! Images run in containers, by docker or podman, and are compared with their lock. What is expected and how it came out
//! is decided in [`checks`], which is pure; the rest starts containers, asks them, and removes them.
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
