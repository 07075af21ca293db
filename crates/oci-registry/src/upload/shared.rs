//! What the uploads of one client share: how many at a time, how large a request may be, and where which blob already is.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{Either, select};
use oci_digest::Digest;
use tokio::sync::{Mutex as Turn, Semaphore, SemaphorePermit};
use url::Url;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::upload::refusal::Span;

/// Uploads at the same time, unless something else is asked for.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// Bytes of a chunk, unless something else is asked for: what another cut connection costs at most, and
/// below what common proxies let through.
const CHUNK: u64 = 64 * 1024 * 1024;

/// No request is made smaller than this because a registry finds it too large.
const SMALLEST: u64 = 1024 * 1024;

/// How blobs are sent.
#[derive(Debug)]
pub(crate) struct Uploads {
    slots: Semaphore,
    /// Bytes of a chunk.
    pub(crate) chunk: u64,
    /// By authority.
    largest: Mutex<HashMap<String, Largest>>,
    /// Sessions that were left before their end.
    left: Mutex<Vec<(Endpoint, Url)>>,
    places: Mutex<HashMap<(String, Digest), Places>>,
}

/// Bytes of the largest requests that a registry may take: others were refused. ghcr.io has a limit for chunks, and none
/// for a blob that comes whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Largest {
    pub(crate) whole: u64,
    pub(crate) chunk: u64,
}

/// The repositories of one host that are known to have a blob. The task that sends it holds the
/// lock, so that all others find it, or mount it, instead of sending it again.
type Places = Arc<Turn<Vec<String>>>;

impl Uploads {
    pub(crate) fn new(parallel: Option<NonZeroUsize>, chunk: Option<u64>) -> Self {
        Uploads {
            slots: Semaphore::new(parallel.unwrap_or(PARALLEL).get()),
            chunk: chunk.unwrap_or(CHUNK).max(1),
            largest: Mutex::default(),
            left: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// One of the uploads at the same time.
    pub(crate) async fn slot(&self) -> SemaphorePermit<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// A slot for a blob that is not there. It stands in line while the registry is asked: what is asked for first is
    /// sent first.
    pub(crate) async fn slot_unless(
        &self,
        there: impl Future<Output = Result<bool, Error>>,
    ) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let (there, slot) = (pin!(there), pin!(self.slot()));
        match select(there, slot).await {
            Either::Left((there, slot)) => Ok(if there? { None } else { Some(slot.await) }),
            Either::Right((slot, there)) => Ok(if there.await? { None } else { Some(slot) }),
        }
    }

    pub(crate) fn largest(&self, authority: &str) -> Largest {
        let largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        largest.get(authority).copied().unwrap_or(Largest { whole: u64::MAX, chunk: self.chunk })
    }

    /// After a request was refused as too large: whether a smaller one may be taken, from now on. `stated`: how large it
    /// may be. No chunk may be smaller than `least`.
    pub(crate) fn too_large(
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
        now.chunk = now.chunk.min(smaller);
        tracing::debug!(authority, ?now, "smaller requests from now on");
        let mut largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        largest.insert(authority.to_owned(), now);
        true
    }

    /// Keeps that an upload was left before its end.
    pub(crate) fn leave(&self, endpoint: Endpoint, url: Url) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push((endpoint, url));
    }

    /// The uploads that were left since this was asked last.
    pub(crate) fn take_left(&self) -> Vec<(Endpoint, Url)> {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The repositories of this host that are known to have a blob.
    pub(crate) fn places(&self, endpoint: &Endpoint, digest: Digest) -> Places {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry((endpoint.authority.clone(), digest)).or_default().clone()
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
            let Largest { whole, chunk } = uploads.largest(authority);
            (whole / MIB, chunk / MIB)
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
