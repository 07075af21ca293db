//! Bytes that are to be in a registry, readable from anywhere so that an upload can go on where it
//! stopped.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use oci_digest::Digest;

use crate::reference::PinnedReference;

/// Bytes that are read at once.
pub(crate) const PIECE: usize = 256 * 1024;

/// Bytes that are to be in a registry.
pub trait Blob: Send + Sync {
    /// Their digest.
    fn digest(&self) -> Digest;
    /// Their number.
    fn size(&self) -> u64;
    /// From `offset` to the end. Called and read on a thread that may block.
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>>;
    /// Whether they are new, so that no registry can have them and none is asked.
    fn is_new(&self) -> bool {
        false
    }
}

/// A blob in memory: a config, a small layer.
#[derive(Debug, Clone)]
pub struct InMemory {
    bytes: Bytes,
    digest: Digest,
    is_new: bool,
}

impl InMemory {
    /// These bytes, hashed.
    pub fn new(bytes: Bytes) -> Self {
        InMemory { digest: Digest::of(&bytes), bytes, is_new: false }
    }

    /// The same, for new bytes, which no registry can have.
    pub fn fresh(bytes: Bytes) -> Self {
        InMemory { is_new: true, ..Self::new(bytes) }
    }
}

impl Blob for InMemory {
    fn digest(&self) -> Digest {
        self.digest
    }
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        Ok(Box::new(self.bytes.slice(offset..).reader()))
    }
    fn is_new(&self) -> bool {
        self.is_new
    }
}

/// Where a blob of an image comes from.
#[derive(Clone)]
pub enum Source {
    /// Made here.
    Ours(Arc<dyn Blob>),
    /// A layer of another image, which stays in its registry where it can.
    Base {
        /// The image that has it.
        from: PinnedReference,
        /// Its identity.
        digest: Digest,
        /// Bytes.
        size: u64,
    },
}

impl Source {
    /// The blob's identity.
    pub fn digest(&self) -> Digest {
        match self {
            Source::Ours(blob) => blob.digest(),
            Source::Base { digest, .. } => *digest,
        }
    }
    /// Bytes.
    pub fn size(&self) -> u64 {
        match self {
            Source::Ours(blob) => blob.size(),
            Source::Base { size, .. } => *size,
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Ours(blob) => write!(f, "Ours({}, {} bytes)", blob.digest(), blob.size()),
            Source::Base { from, digest, size } => {
                write!(f, "Base({digest} of {from}, {size} bytes)")
            }
        }
    }
}

/// The digest of what a blob gives now. Blocks.
pub(crate) fn hash(blob: &dyn Blob) -> io::Result<Digest> {
    let mut reader = blob.open(0)?;
    let mut buffer = vec![0; PIECE];
    let mut digester = blob.digest().algorithm().digester();
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(n) => digester.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_in_memory_is_read_from_anywhere() {
        let blob = InMemory::new(Bytes::from_static(b"0123456789"));
        for (offset, expected) in [(0, "0123456789"), (7, "789"), (10, ""), (u64::MAX, "")] {
            let mut text = String::new();
            blob.open(offset).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
        assert_eq!(hash(&blob).unwrap(), blob.digest());
    }
}
