//! What the uploads of one run share: how many at a time, and where which blob already is.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, Semaphore};

use super::Client;
use super::abandoned::Abandoned;
use super::address::Address;
use crate::digest::Digest;

/// Uploads at the same time, unless something else is asked for.
const PARALLEL: usize = 4;

/// Bytes of a part, unless something else is asked for: what a cut connection costs at most, and
/// below what common proxies let through.
const CHUNK: u64 = 64 * 1024 * 1024;

/// How blobs are sent.
#[derive(Debug)]
pub(super) struct Uploads {
    pub(super) slots: Semaphore,
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
        Uploads {
            slots: Semaphore::new(parallel.map_or(PARALLEL, NonZeroUsize::get)),
            chunk: chunk.unwrap_or(CHUNK).max(1),
            abandoned: Abandoned::default(),
            places: Mutex::default(),
        }
    }

    pub(super) fn places(&self, address: &Address, digest: Digest) -> Places {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry((address.authority.clone(), digest)).or_default().clone()
    }
}

impl Client {
    /// The same client with `parallel` uploads at a time and parts of `chunk` bytes; `None`: 4
    /// uploads, 64 MiB.
    pub fn with_uploads(self, parallel: Option<NonZeroUsize>, chunk: Option<u64>) -> Self {
        Client { uploads: Arc::new(Uploads::new(parallel, chunk)), ..self }
    }
}
