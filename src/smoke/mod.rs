//! Smoke tests: images run in containers, by docker or podman, and are held against their lock. What is expected and
//! how it came out is decided in [`judge`], which is pure; the rest starts containers, asks them, and removes them.
mod cluster;
mod clusters;
mod error;
mod gpu;
pub mod judge;
mod known;
mod notebook;
mod probe;
mod pull;
mod runtime;
mod sandbox;
mod subject;
mod trial;

pub use error::Error;
pub use runtime::{Choice, Runtime};
pub use subject::{Subject, Wish};
pub use trial::run;
