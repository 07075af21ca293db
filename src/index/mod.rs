//! Pages of wheels → candidates. The parsers are pure; `client`, `cache` and `catalog` are edges.
pub mod candidate;

pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped};
