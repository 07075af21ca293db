//! What the uploads of one run share: how many at a time, how large a request may be, and where which blob already is.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit};

use super::abandoned::Abandoned;
use super::address::Address;
use super::verdict::Span;
use super::{Client, Error};
use crate::digest::Digest;

/// Uploads at the same time, unless something else is asked for.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Bytes of a part, unless something else is asked for: what another cut connection costs at most, and
/// below what common proxies let through.
const PART: u64 = 64 * 1024 * 1024;

/// No request is made smaller than this because a registry finds it too large.
const SMALLEST: u64 = 1024 * 1024;

/// How blobs are sent.
#[derive(Debug)]
pub(super) struct Uploads {
    slots: Semaphore,
    /// Bytes of a part.
    pub(super) part: u64,
    /// By authority.
    largest: Mutex<HashMap<String, Largest>>,
    /// Sessions that were left before their end.
    pub(super) abandoned: Abandoned,
    places: Mutex<HashMap<(String, Digest), Places>>,
}

/// Bytes of the largest requests that a registry may take: others were refused. ghcr.io has a limit for parts, and none
/// for a blob that comes whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Largest {
    pub(super) whole: u64,
    pub(super) part: u64,
}

/// The repositories of one host that are known to have a blob. Whoever brings it there holds the
/// lock, so that everybody else finds it, or mounts it, instead of sending it again.
type Places = Arc<Turn<Vec<String>>>;

impl Uploads {
    pub(super) fn new(parallel: Option<NonZeroUsize>, part: Option<u64>) -> Self {
        Uploads {
            slots: Semaphore::new(parallel.unwrap_or(PARALLEL).get()),
            part: part.unwrap_or(PART).max(1),
            largest: Mutex::default(),
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

    pub(super) fn largest(&self, authority: &str) -> Largest {
        let largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        largest.get(authority).copied().unwrap_or(Largest { whole: u64::MAX, part: self.part })
    }

    /// After a request was refused as too large: whether a smaller one may be taken, from now on. `stated`: how large it
    /// may be. No part may be smaller than `least`.
    pub(super) fn too_large(
        &self,
        authority: &str,
        span: Span,
        stated: Option<u64>,
        least: u64,
    ) -> bool {
        let length = span.length();
        let smaller = stated.filter(|stated| *stated < length).unwrap_or(length / 2).max(least);
        if smaller < SMALLEST || smaller >= length {
            return false;
        }
        let mut now = self.largest(authority);
        if span.is_whole() {
            now.whole = smaller;
        }
        now.part = now.part.min(smaller);
        tracing::debug!(authority, ?now, "smaller requests from now on");
        let mut largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        largest.insert(authority.to_owned(), now);
        true
    }

    pub(super) fn places(&self, address: &Address, digest: Digest) -> Places {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry((address.authority.clone(), digest)).or_default().clone()
    }
}

impl Client {
    /// The same client with `parallel` uploads at a time; after a break they go on in parts of `part` bytes. `None`: 4
    /// uploads, 64 MiB.
    pub fn with_uploads(self, parallel: Option<NonZeroUsize>, part: Option<u64>) -> Self {
        Client { uploads: Arc::new(Uploads::new(parallel, part)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_for_its_registry_and_halved_where_none_is_stated() {
        const MIB: u64 = 1024 * 1024;
        let uploads = Uploads::new(None, None);
        let span = |end, size| Span { offset: 0, end: end * MIB, size: size * MIB, known: false };
        let now = |authority| {
            let Largest { whole, part } = uploads.largest(authority);
            (whole / MIB, part / MIB)
        };
        let unlimited = (u64::MAX / MIB, 64);
        assert!(uploads.too_large("ghcr.io", span(64, 500), Some(4 * MIB), 0));
        assert_eq!((now("ghcr.io"), now("quay.io")), ((u64::MAX / MIB, 4), unlimited));
        assert!(uploads.too_large("proxy", span(500, 500), None, 0));
        assert_eq!(now("proxy"), (250, 64));
        assert!(uploads.too_large("proxy", span(64, 500), None, 0));
        assert_eq!(now("proxy"), (250, 32));
        // A limit that the request kept is none.
        assert!(uploads.too_large("proxy", span(32, 500), Some(100 * MIB), 0));
        assert_eq!(now("proxy"), (250, 16));
        assert!(!uploads.too_large("proxy", span(1, 500), None, 0));
        assert!(!uploads.too_large("proxy", span(16, 500), None, 16 * MIB));
    }
}
