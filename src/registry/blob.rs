//! Bytes that are to be in a registry, readable from anywhere so that an upload can go on where it
//! stopped.

use std::io::{self, Read};

use crate::digest::Digest;

/// Bytes that are to be in a registry.
pub trait Blob: Send + Sync {
    /// Their identity.
    fn digest(&self) -> Digest;
    /// How many they are.
    fn size(&self) -> u64;
    /// From `offset` to the end. Called and read on a thread that may block.
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>>;
}
