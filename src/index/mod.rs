//! Pages of wheels → candidates. The parsers (`link`, `html`, `json`, `page`, `zip`) are pure; the
//! other parts are edges.
pub mod candidate;
pub mod html;
pub mod json;
pub mod link;
pub mod page;
pub mod target;
pub mod zip;

pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped};
pub use target::Target;
