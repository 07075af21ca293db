//! Images without a daemon: wheels become layers whose bytes are known before they are written.
pub mod archive;
pub mod claims;
mod entry_points;
pub mod error;
pub mod install;
mod names;
mod record;
pub mod tree;
pub mod wheel;
