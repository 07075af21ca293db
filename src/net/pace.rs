//! One pace for each host: when a server says "later", every request to it waits, not only the one
//! that was told so; and from then on they come one after the other, the further apart the more often
//! it said so, until it has answered many in a row.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

/// Between the requests to a host that was too busy once. Doubles with every further time.
const FIRST_GAP: Duration = Duration::from_millis(20);

/// No gap is longer.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// What is left of a gap after an answer, in sixteenths: some thirty good answers take it back.
const EASING: u32 = 15;

/// A gap that is shorter is none.
const NO_GAP: Duration = Duration::from_millis(4);

/// What hosts can bear. Cheap to clone; clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Mutex<HashMap<String, Host>>>);

/// When a host may be asked.
#[derive(Debug)]
struct Host {
    /// Until when it wants to be left alone.
    held: Instant,
    /// The next request goes then, not before.
    next: Instant,
    gap: Duration,
}

impl Pace {
    /// The host of `url` asked for `wait`.
    pub(super) fn hold(&self, url: &Url, wait: Duration) {
        let now = Instant::now();
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calm = Host { held: now, next: now, gap: Duration::ZERO };
        let host = hosts.entry(name(url)).or_insert(calm);
        // Requests that were on their way together are refused together: that is one time.
        if now >= host.held {
            host.gap = (host.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
        }
        host.held = host.held.max(now + wait);
        host.next = host.next.max(host.held);
    }

    /// The host of `url` gave an answer.
    pub(super) fn ease(&self, url: &Url) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = hosts.get_mut(&name(url)) else { return };
        host.gap = Some(host.gap * EASING / 16).filter(|gap| *gap >= NO_GAP).unwrap_or_default();
    }

    /// Sleeps until it is this request's turn at the host of `url`.
    pub(super) async fn keep(&self, url: &Url) {
        while let Some(wait) = self.turn(url) {
            tokio::time::sleep(wait).await;
            if !self.is_held(url) {
                return;
            }
            // Somebody was told "later" in the meantime.
        }
    }

    /// Takes the next turn: the wait until then.
    fn turn(&self, url: &Url) -> Option<Duration> {
        let now = Instant::now();
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get_mut(&name(url))?;
        let turn = host.next.max(now);
        host.next = turn + host.gap;
        Some(turn - now).filter(|wait| !wait.is_zero())
    }

    fn is_held(&self, url: &Url) -> bool {
        let hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&name(url)).is_some_and(|host| Instant::now() < host.held)
    }
}

/// A random part of `longest`.
pub(super) fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    longest.mul_f64(random as f64 / f64::from(u32::MAX))
}

fn name(url: &Url) -> String {
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

    #[tokio::test]
    async fn a_host_that_was_too_busy_is_asked_in_turn_until_it_has_answered_long_enough() {
        let (pace, url) = (Pace::default(), Url::parse("http://one.example/a").unwrap());
        let gap = || pace.0.lock().unwrap()["one.example"].gap;
        // Refused together: one time.
        (0..5).for_each(|_| pace.hold(&url, Duration::from_millis(10)));
        assert_eq!(gap(), FIRST_GAP);
        let start = Instant::now();
        futures_util::future::join_all((0..4).map(|_| pace.keep(&url))).await;
        assert!(start.elapsed() >= Duration::from_millis(10) + FIRST_GAP * 3);
        pace.hold(&url, Duration::ZERO);
        assert_eq!(gap(), FIRST_GAP * 2);
        (0..20).for_each(|_| pace.ease(&url));
        assert!(gap() < FIRST_GAP && gap() > Duration::ZERO);
        (0..20).for_each(|_| pace.ease(&url));
        assert_eq!(gap(), Duration::ZERO);
        let start = Instant::now();
        futures_util::future::join_all((0..100).map(|_| pace.keep(&url))).await;
        assert!(start.elapsed() < FIRST_GAP * 5);
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let longest = Duration::from_millis(100);
        assert!((0..100).map(|_| jitter(longest)).all(|j| j <= longest));
    }
}
