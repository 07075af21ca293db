//! Pages of wheels → candidates. The parsers (`link`, `html`, `json`, `page`, `zip`) are pure; the
//! other parts are edges.
pub mod address;
pub mod candidate;
pub mod error;
pub mod fetch;
pub mod html;
pub mod json;
pub mod link;
pub mod page;
pub mod range;
pub mod target;
pub mod zip;

pub use address::{Address, Surroundings};
pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped};
pub use error::Error;
pub use fetch::{Fetcher, Piece};
pub use target::Target;
