//! Releases kept in their registries: each of the last ones has a tag on every image and a record beside it, so
//! that jobs which delete untagged manifests do not remove them, and a lost history can be restored.
mod error;
mod gc;
mod names;
mod policy;
mod publish_record;
mod put;
mod repair_tags;
mod restore;

pub use error::Error;
pub use gc::{collect, plan};
pub use names::{LOCK, RELEASE};
pub use policy::{Removal, Retention, mentioned, removals};
pub use publish_record::{prepare, publish_record};
pub use repair_tags::{Alive, look, repair_tags};
pub use restore::{Restored, restore};
