//! How many requests may be in flight at one host.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Version;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Requests at a host with a connection for each, and at one that has not responded yet; more would only wait in its queue.
const SEPARATE: usize = 50;

/// Requests at a host over one HTTP/2 connection; servers allow at least 100.
const SHARED: usize = 100;

/// The limits of all hosts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Concurrency(Arc<Mutex<HashMap<String, Arc<Host>>>>);

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    has_responded: AtomicBool,
}

/// The right to have one request in flight at a host, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    host: Arc<Host>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Concurrency {
    /// Waits until another request may be sent to the host of `url`.
    pub async fn slot(&self, url: &Url) -> Slot {
        let name = url.host_str().unwrap_or_default();
        let host = {
            let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match hosts.get(name) {
                Some(host) => Arc::clone(host),
                None => Arc::clone(hosts.entry(name.to_owned()).or_default()),
            }
        };
        // The semaphore is never closed, so there is always a permit.
        let permit = Arc::clone(&host.permits).acquire_owned().await.ok();
        Slot { host, _permit: permit }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(SEPARATE)), has_responded: AtomicBool::new(false) }
    }
}

impl Slot {
    /// The host has responded, in this version of HTTP.
    pub fn responded(&self, version: Version) {
        if !self.host.has_responded.swap(true, Ordering::Relaxed) && version == Version::HTTP_2 {
            self.host.permits.add_permits(SHARED - SEPARATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_with_http_2_gets_more() {
        let limits = Concurrency::default();
        let free = |slot: &Slot| slot.host.permits.available_permits();
        let (one, other) =
            ("https://a.example/x".parse().unwrap(), "https://b.example".parse().unwrap());
        let (first, second) = (limits.slot(&one).await, limits.slot(&other).await);
        assert_eq!((free(&first), free(&second)), (SEPARATE - 1, SEPARATE - 1));
        first.responded(Version::HTTP_2);
        first.responded(Version::HTTP_2);
        second.responded(Version::HTTP_11);
        assert_eq!((free(&first), free(&second)), (SHARED - 1, SEPARATE - 1));
        let again = limits.clone().slot(&one).await;
        assert_eq!(free(&again), SHARED - 2);
        drop((first, again));
        assert_eq!(free(&limits.slot(&one).await), SHARED - 1);
    }
}
