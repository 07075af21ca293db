//! The work on a layer's bytes, each step on a thread of its own: reading, inflating, hashing.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;

use oci_digest::{Digest, Hasher, Sha256};

use crate::chunks::{Chunk, Chunks, Pool, send};
use crate::gunzip::Gunzip;
use crate::segments::Segments;
use crate::splice_error::SpliceError;

/// Called with the number of bytes that were read since the last call.
pub type Progress = dyn Fn(u64) + Sync;

/// Reads the layer to all of `to`; ends early when one of them has gone.
pub(crate) fn read(
    segments: &Segments,
    to: Vec<SyncSender<Chunk>>,
    progress: &Progress,
) -> io::Result<()> {
    let pool = Pool::default();
    let mut reader = segments.reader(0);
    loop {
        let mut buffer = pool.take();
        let length = reader.read(&mut buffer)?;
        progress(length as u64);
        if length == 0 || !send(&to, &pool.filled(buffer, length)) {
            return Ok(());
        }
    }
}

/// The digest of all that comes.
pub(crate) fn hash(chunks: Receiver<Chunk>) -> Digest {
    use sha2::Digest as _;
    let mut hasher = Hasher::new();
    chunks.iter().for_each(|chunk| hasher.update(chunk.bytes()));
    Sha256::finish(&mut hasher).into()
}

/// Inflates what comes to all of `to`; how many bytes that were.
pub(crate) fn inflate(
    segments: &Segments,
    chunks: Receiver<Chunk>,
    to: Vec<SyncSender<Chunk>>,
) -> Result<u64, SpliceError> {
    let mut gunzip = Gunzip::new(segments);
    let mut out = Chunks::new(to);
    chunks.iter().try_for_each(|chunk| gunzip.feed(chunk.bytes(), &mut out))?;
    out.flush();
    gunzip.finish()
}

/// What the thread gives; a panic in it goes on here.
pub(crate) fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
