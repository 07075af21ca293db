//! Holds each file of a layer to the hash that its wheel's RECORD states, while the layer's tar passes.

use std::sync::mpsc::Receiver;

use super::measure::Chunk;
use super::rope::Rope;
use super::splice_error::SpliceError;
use crate::wheel::RecordedHash;

/// A file in the tar of a layer, and the hash that it must have.
#[derive(Debug)]
pub(super) struct Recorded {
    /// In the tar, bytes.
    pub(super) start: u64,
    /// In the tar, bytes; exclusive.
    pub(super) end: u64,
    pub(super) hash: RecordedHash,
    /// Index of its source.
    pub(super) file: usize,
    /// In the layer.
    pub(super) path: String,
}

/// Takes the whole tar of the rope. Errors: the first file that is another one.
pub(super) fn check(rope: &Rope, tar: Receiver<Chunk>) -> Result<(), SpliceError> {
    let mut position = 0;
    let mut files = rope.recorded().iter().map(|file| (file, file.hash.hasher())).peekable();
    for chunk in tar {
        let (start, bytes) = (position, chunk.bytes());
        position += bytes.len() as u64;
        while let Some((file, hasher)) = files.peek_mut().filter(|(file, _)| file.start < position)
        {
            // Both inside the chunk.
            let from = file.start.saturating_sub(start) as usize;
            let to = (file.end.min(position) - start) as usize;
            hasher.update(&bytes[from..to]);
            if file.end > position {
                break;
            }
            let Some((file, hasher)) = files.next() else { break };
            if !file.hash.is(hasher) {
                let wheel = rope.source(file.file).to_owned();
                return Err(SpliceError::Recorded { wheel, path: file.path.clone() });
            }
        }
    }
    Ok(())
}
