//! Images without a daemon: wheels become layers whose bytes are known before they are written.
pub mod tree;
