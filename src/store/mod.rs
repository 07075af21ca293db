//! The content-addressed cache: files that were hashed when they were stored, and are hashed again before use.
mod error;
mod facts;
mod fetch;
mod folder;
mod local;
mod prune;
mod sink;
mod verified;

pub use error::Error;
pub use fetch::{Address, FileRequest};
pub use folder::Store;
pub use prune::Pruned;
pub use verified::Verified;
