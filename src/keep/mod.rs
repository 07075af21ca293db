//! Releases kept alive in their registries: each of the last ones has a tag on every image and a record beside it, so
//! that jobs which delete untagged manifests cannot take them, and a lost history can be read back.
mod announce;
mod error;
mod names;
mod put;
mod recall;
mod retention;
mod secure;
mod sweep;

pub use announce::{ahead, announce};
pub use error::Error;
pub use names::{HISTORY, LOCK, Name, RECORD, RELEASE, record_tag, tag};
pub use recall::{Recalled, recall};
pub use retention::{Removal, Retention, mentioned, removals};
pub use secure::{Alive, look, secure};
pub use sweep::{Swept, plan, sweep};
