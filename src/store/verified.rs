//! The proof that a file was hashed.

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::Sha256;

/// A file of the store whose bytes were hashed in this run. Only the store can make one, and only by hashing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    path: Utf8PathBuf,
    sha256: Sha256,
    size: u64,
}

impl Verified {
    pub(super) fn new(path: Utf8PathBuf, sha256: Sha256, size: u64) -> Self {
        Verified { path, sha256, size }
    }
    /// A read-only file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
    /// The hash of its bytes.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}
