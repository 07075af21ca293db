//! What is read of a base image: its digests and documents, what it says of itself, and the files that images on it
//! change or rely on. Bytes come through [`crate::registry`] and are hashed.
mod base_cache;
mod base_inspect;
mod dpkg;
mod error;
mod layer_scan;
mod pin;
pub(crate) mod system;

pub use base_cache::{Entry, EntryKind};
pub use base_inspect::{Ask, BaseFacts, Unknown, inspect};
pub use error::Error;
pub use pin::{BaseImage, pin, read};
pub use system::BaseSystem;
