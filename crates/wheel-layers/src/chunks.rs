//! Bytes on their way from thread to thread, in a few buffers that are used again.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::gunzip::Out;

/// How many bytes travel together: they stay in a core's cache.
pub(crate) const CHUNK: usize = 256 << 10;
/// How many chunks may wait for a thread.
const WAITING: usize = 4;

/// What is sent from thread to thread.
pub(crate) type Chunk = Arc<Filled>;

pub(crate) fn channel() -> (SyncSender<Chunk>, Receiver<Chunk>) {
    sync_channel(WAITING)
}

/// Whether all receivers are still there.
pub(crate) fn send(to: &[SyncSender<Chunk>], chunk: &Chunk) -> bool {
    to.iter().all(|to| to.send(chunk.clone()).is_ok())
}

/// Inflated bytes on their way.
pub(crate) struct Chunks {
    buffer: Vec<u8>,
    used: usize,
    pool: Pool,
    to: Vec<SyncSender<Chunk>>,
}

impl Chunks {
    pub(crate) fn new(to: Vec<SyncSender<Chunk>>) -> Self {
        let pool = Pool::default();
        Chunks { buffer: pool.take(), used: 0, pool, to }
    }

    pub(crate) fn flush(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, self.pool.take());
        // A receiver that has gone has failed, and returns its own error.
        send(&self.to, &self.pool.filled(buffer, self.used));
        self.used = 0;
    }
}

impl Out for Chunks {
    fn room(&mut self) -> &mut [u8] {
        if self.used == self.buffer.len() {
            self.flush();
        }
        &mut self.buffer[self.used..]
    }
    fn filled(&mut self, bytes: usize) {
        self.used += bytes;
    }
}

/// Buffers that are used again, so that no memory is allocated twice.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    pub(crate) fn take(&self) -> Vec<u8> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| vec![0; CHUNK])
    }
    pub(crate) fn filled(&self, buffer: Vec<u8>, length: usize) -> Chunk {
        Arc::new(Filled { buffer, length, pool: self.clone() })
    }
}

/// A buffer of a pool, returned when the last thread is done with it.
pub(crate) struct Filled {
    buffer: Vec<u8>,
    length: usize,
    pool: Pool,
}

impl Filled {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}
