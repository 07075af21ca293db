//! Reads base images: digests and documents, facts of their config and layers, and the files that images on them
//! change or rely on. Bytes come through [`crate::registry`] and are hashed.
mod base_cache;
mod base_inspect;
mod dpkg;
mod error;
mod file_system;
mod layer_scan;
mod pin;
pub(crate) mod system;

pub use base_cache::{Entry, EntryKind};
pub use base_inspect::{Ask, BaseFacts, Unknown, inspect};
pub use error::Error;
pub use file_system::file_tree;
pub use pin::{BaseImage, pin, read};
pub use system::BaseSystem;
