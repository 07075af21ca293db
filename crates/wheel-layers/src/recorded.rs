//! Compares each file of a layer with the hash that its wheel's RECORD states, while the layer's tar passes.

use std::sync::mpsc::Receiver;

use crate::chunks::Chunk;
use crate::segments::Segments;
use crate::splice_error::SpliceError;

/// Takes the whole tar of the layer.
///
/// # Errors
///
/// [`SpliceError::Recorded`] for the first file that has another hash.
pub(crate) fn check(segments: &Segments, tar: Receiver<Chunk>) -> Result<(), SpliceError> {
    let mut position = 0;
    let mut files = segments.recorded().iter().map(|file| (file, file.hash.hasher())).peekable();
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
                let wheel = segments.source(file.file).to_owned();
                return Err(SpliceError::Recorded { wheel, path: file.path.clone() });
            }
        }
    }
    Ok(())
}
