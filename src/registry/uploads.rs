//! What the uploads of one run share: how many at a time, and where which blob already is.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit};

use super::abandoned::Abandoned;
use super::address::Address;
use super::{Client, Error};
use crate::digest::Digest;

/// Uploads at the same time, unless something else is asked for.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Bytes of a part, unless something else is asked for: what a cut connection costs at most, and
/// below what common proxies let through.
const CHUNK: u64 = 64 * 1024 * 1024;

/// No first part is made smaller than this: who asks for smaller parts gets those. S3 wants 5 MiB.
const LEAST: u64 = 8 * 1024 * 1024;

/// How blobs are sent.
#[derive(Debug)]
pub(super) struct Uploads {
    slots: Semaphore,
    /// How many there are.
    parallel: NonZeroUsize,
    /// Uploads in parts that began.
    begun: AtomicUsize,
    /// Bytes of a part.
    pub(super) chunk: u64,
    /// Sessions that were left before their end.
    pub(super) abandoned: Abandoned,
    places: Mutex<HashMap<(String, Digest), Places>>,
}

/// The repositories of one host that are known to have a blob. Whoever brings it there holds the
/// lock, so that everybody else finds it, or mounts it, instead of sending it again.
type Places = Arc<Turn<Vec<String>>>;

impl Uploads {
    pub(super) fn new(parallel: Option<NonZeroUsize>, chunk: Option<u64>) -> Self {
        let parallel = parallel.unwrap_or(PARALLEL);
        Uploads {
            slots: Semaphore::new(parallel.get()),
            parallel,
            begun: AtomicUsize::new(0),
            chunk: chunk.unwrap_or(CHUNK).max(1),
            abandoned: Abandoned::default(),
            places: Mutex::default(),
        }
    }

    /// One of the uploads at the same time.
    pub(super) async fn slot(&self) -> SemaphorePermit<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// A slot for a blob that is not there. It stands in line while the registry is asked: what is asked for first is
    /// sent first.
    pub(super) async fn slot_unless(
        &self,
        there: impl Future<Output = Result<bool, Error>>,
    ) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let (there, slot) = (pin!(there), pin!(self.slot()));
        match select(there, slot).await {
            Either::Left((there, slot)) => Ok(if there? { None } else { Some(slot.await) }),
            Either::Right((slot, there)) => Ok(if there.await? { None } else { Some(slot) }),
        }
    }

    /// Bytes of the first part of a blob of this size; of several, another for each of those at the same time. A registry
    /// may write every part to its disk before it answers (docker-registry does): where parts end together, all wait.
    pub(super) fn first_part(&self, size: u64) -> u64 {
        if size <= self.chunk {
            return self.chunk;
        }
        let parallel = self.parallel.get();
        match self.begun.fetch_add(1, Relaxed) % parallel {
            0 => self.chunk,
            share => (self.chunk / parallel as u64 * share as u64).max(LEAST).min(self.chunk),
        }
    }

    pub(super) fn places(&self, address: &Address, digest: Digest) -> Places {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry((address.authority.clone(), digest)).or_default().clone()
    }
}

impl Client {
    /// The same client with `parallel` uploads at a time and parts of `chunk` bytes, an upload's first and last one may
    /// have fewer; `None`: 4 uploads, 64 MiB.
    pub fn with_uploads(self, parallel: Option<NonZeroUsize>, chunk: Option<u64>) -> Self {
        Client { uploads: Arc::new(Uploads::new(parallel, chunk)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_parts_differ_and_none_is_smaller_than_a_storage_wants() {
        const MIB: u64 = 1024 * 1024;
        let firsts = |chunk: Option<u64>, sizes: [u64; 6]| {
            let uploads = Uploads::new(None, chunk);
            sizes.map(|size| uploads.first_part(size) / MIB)
        };
        assert_eq!(firsts(None, [1 << 40; 6]), [64, 16, 32, 48, 64, 16]);
        // What is sent whole takes nobody's turn.
        assert_eq!(
            firsts(None, [65, 64, 1, 65, 65, 65].map(|n| n * MIB)),
            [64, 64, 64, 16, 32, 48]
        );
        assert_eq!(firsts(Some(20 * MIB), [1 << 40; 6]), [20, 8, 10, 15, 20, 8]);
        assert_eq!(firsts(Some(5 * MIB), [1 << 40; 6]), [5; 6]);
    }
}
