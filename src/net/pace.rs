//! One pace for each host: when a server says "later", every request to it waits, not only the one
//! that was told so.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

/// Until when which hosts want to be left alone. Cheap to clone; clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Mutex<HashMap<String, Instant>>>);

impl Pace {
    /// The host of `url` asked for `wait`.
    pub(super) fn hold(&self, url: &Url, wait: Duration) {
        let until = Instant::now() + wait;
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.entry(host(url)).or_insert(until);
        *known = until.max(*known);
    }

    /// Sleeps as long as the host of `url` still wants to be left alone.
    pub(super) async fn keep(&self, url: &Url) {
        let left = {
            let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.get(&host(url)).map(|until| until.saturating_duration_since(Instant::now()))
        };
        if let Some(wait) = left.filter(|wait| !wait.is_zero()) {
            // Those who waited together must not all come back in the same moment.
            tokio::time::sleep(wait + jitter(wait / 8)).await;
        }
    }
}

/// A random part of `longest`.
pub(super) fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    longest.mul_f64(random as f64 / f64::from(u32::MAX))
}

fn host(url: &Url) -> String {
    url.authority().rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_waits_for_a_host_that_asked_for_it_and_for_no_other() {
        let pace = Pace::default();
        let url = |text: &str| Url::parse(text).unwrap();
        pace.hold(&url("http://user:word@one.example/a"), Duration::from_millis(60));
        let start = Instant::now();
        pace.keep(&url("http://two.example/")).await;
        assert!(start.elapsed() < Duration::from_millis(50));
        pace.clone().keep(&url("http://one.example/b")).await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let longest = Duration::from_millis(100);
        assert!((0..100).map(|_| jitter(longest)).all(|j| j <= longest));
    }
}
