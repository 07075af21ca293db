//! Pages of wheels → candidates. The parsers (`link`, `html`, `json`, `page`, `zip`) are pure; the
//! other parts are edges.
pub mod address;
mod answers;
pub mod cache;
pub mod candidate;
mod catalog;
mod crawl;
pub mod error;
pub mod fetch;
pub mod html;
pub mod json;
pub mod link;
mod locate;
mod memo;
pub mod page;
pub mod range;
mod remembered;
mod sources;
pub mod standalone;
mod standalone_release;
pub mod target;
mod times;
mod turns;
mod wheels;
pub mod zip;

pub use address::{Address, Surroundings};
pub use cache::{CACHE, Cache, Trust};
pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped};
pub use catalog::LiveCatalog;
pub use crawl::TORCH_FAMILY;
pub use error::Error;
pub use fetch::{Fetcher, Piece};
pub use locate::{Locator, pages};
pub use sources::{Place, Sources};
pub use target::Target;
pub use wheels::Locked;
