//! Turns at the hosts: how much is under way at one of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Version;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Requests at a host with a connection for each; more would only wait in its queue. So many, too,
/// at a host that has not answered yet.
const SEPARATE: usize = 50;

/// Requests at a host that takes them all on one connection; servers allow at least 100.
const SHARED: usize = 100;

/// Whose turn it is, host by host. Clones share their hosts.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<String, Arc<Host>>>>);

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    has_answered: AtomicBool,
}

/// A request that may be under way for as long as this lives.
#[derive(Debug)]
pub(super) struct Turn {
    host: Arc<Host>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub async fn at(&self, url: &Url) -> Turn {
        let name = url.host_str().unwrap_or_default();
        let host = {
            let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match hosts.get(name) {
                Some(host) => Arc::clone(host),
                None => Arc::clone(hosts.entry(name.to_owned()).or_default()),
            }
        };
        // The semaphore is never closed, so there is always a turn.
        let permit = Arc::clone(&host.permits).acquire_owned().await.ok();
        Turn { host, _permit: permit }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(SEPARATE)), has_answered: AtomicBool::new(false) }
    }
}

impl Turn {
    /// The host has answered, in this version of HTTP.
    pub fn answered(&self, version: Version) {
        if !self.host.has_answered.swap(true, Ordering::Relaxed) && version == Version::HTTP_2 {
            self.host.permits.add_permits(SHARED - SEPARATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_answers_gets_more() {
        let turns = Turns::default();
        let free = |turn: &Turn| turn.host.permits.available_permits();
        let (one, other) =
            ("https://a.example/x".parse().unwrap(), "https://b.example".parse().unwrap());
        let (first, second) = (turns.at(&one).await, turns.at(&other).await);
        assert_eq!((free(&first), free(&second)), (SEPARATE - 1, SEPARATE - 1));
        first.answered(Version::HTTP_2);
        first.answered(Version::HTTP_2);
        second.answered(Version::HTTP_11);
        assert_eq!((free(&first), free(&second)), (SHARED - 1, SEPARATE - 1));
        let again = turns.clone().at(&one).await;
        assert_eq!(free(&again), SHARED - 2);
        drop((first, again));
        assert_eq!(free(&turns.at(&one).await), SHARED - 1);
    }
}
