//! Pages of wheels → candidates. The parsers are pure; `client`, `cache` and `catalog` are edges.
pub mod candidate;
pub mod standalone;
mod standalone_release;

pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped};
