//! A request rate for each host. A Retry-After delays every request to the host, not only the one that it answers. A 429
//! without Retry-After also spaces later requests: the gap doubles with each such answer and shrinks with each success.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use super::Error;
use super::wait::{Wait, Waited, Why};
use crate::login;

/// Between the requests to a host that was too busy once. Doubles with every further time.
const FIRST_GAP: Duration = Duration::from_millis(20);

/// The longest gap: a server that needs more can send Retry-After.
const LONGEST_GAP: Duration = Duration::from_millis(500);

/// The share of a gap that is left after a success, in sixteenths: the gap grows where more than one request in twelve is refused. A
/// gap that shrinks faster sends the next burst into the same limit.
const EASING: u32 = 15;

/// A shorter gap is dropped.
const NO_GAP: Duration = Duration::from_millis(4);

/// A Retry-After that ends so much later is a new one, not the same refusal of requests sent together.
const MORE: Duration = Duration::from_secs(1);

/// The rates of all hosts. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct RateLimits(Arc<Mutex<Hosts>>);

/// All hosts; the time is a parameter, never read from the clock.
#[derive(Debug, Default)]
struct Hosts {
    known: HashMap<String, Host>,
    waited: Waited,
}

/// When a host may be asked.
#[derive(Debug)]
struct Host {
    /// The end of the last Retry-After.
    held: Instant,
    /// The earliest time of the next request.
    next: Instant,
    gap: Duration,
    /// The longest wait that was reported.
    reported: Duration,
}

impl Hosts {
    fn host(&mut self, name: &str, now: Instant) -> &mut Host {
        let calm = Host { held: now, next: now, gap: Duration::ZERO, reported: Duration::ZERO };
        self.known.entry(name.to_owned()).or_insert(calm)
    }

    fn hold(
        &mut self,
        name: &str,
        now: Instant,
        asked: Duration,
        patience: Duration,
    ) -> Result<Option<Wait>, Error> {
        let until = self.waited.spend(now, asked, patience);
        let until = until.map_err(|left| Error::Patience { host: name.to_owned(), asked, left })?;
        let host = self.host(name, now);
        let wait = Wait { host: name.to_owned(), why: Why::Asked(asked) };
        let is_new = until > host.held + MORE || now >= host.held;
        host.held = host.held.max(until);
        host.next = host.next.max(host.held);
        // A host that asks for one second a hundred times is reported once.
        if !is_new || asked <= host.reported && !wait.is_long() {
            return Ok(None);
        }
        host.reported = host.reported.max(asked);
        Ok(Some(wait))
    }

    fn slow_down(&mut self, name: &str, now: Instant, wait: Duration) {
        let host = self.host(name, now);
        // Requests that were in flight together are refused together: that counts once.
        if now >= host.held {
            host.gap = (host.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
        }
        host.held = host.held.max(now + wait);
        host.next = host.next.max(host.held);
    }

    fn speed_up(&mut self, name: &str) {
        let Some(host) = self.known.get_mut(name) else { return };
        host.gap = Some(host.gap * EASING / 16).filter(|gap| *gap >= NO_GAP).unwrap_or_default();
    }

    /// Takes the next free time; the wait until then.
    fn next_slot(&mut self, name: &str, now: Instant) -> Option<Duration> {
        let host = self.known.get_mut(name)?;
        let slot = host.next.max(now);
        host.next = slot + host.gap;
        Some(slot - now).filter(|wait| !wait.is_zero())
    }

    fn is_held(&self, name: &str, now: Instant) -> bool {
        self.known.get(name).is_some_and(|host| now < host.held)
    }
}

impl RateLimits {
    /// Delays every request to the host of `url` by the wait that it asked for. Returns what to report; `None`: it was
    /// reported already.
    ///
    /// # Errors
    /// [`Error::Patience`]: the run does not wait so long.
    pub(super) fn hold(
        &self,
        url: &Url,
        asked: Duration,
        patience: Duration,
    ) -> Result<Option<Wait>, Error> {
        self.hosts().hold(&name(url), Instant::now(), asked, patience)
    }

    /// After a 429 without Retry-After from the host of `url`: no request for this wait, and a longer gap afterwards.
    pub(super) fn slow_down(&self, url: &Url, wait: Duration) {
        self.hosts().slow_down(&name(url), Instant::now(), wait);
    }

    /// After a success of the host of `url`: a shorter gap.
    pub(super) fn speed_up(&self, url: &Url) {
        self.hosts().speed_up(&name(url));
    }

    /// Sleeps until the host of `url` may be sent the next request.
    pub(super) async fn wait(&self, url: &Url) {
        let name = name(url);
        loop {
            let wait = self.hosts().next_slot(&name, Instant::now());
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait).await;
            if !self.hosts().is_held(&name, Instant::now()) {
                return;
            }
            // Another request got a Retry-After in the meantime.
        }
    }

    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random part of `longest`.
pub(super) fn jitter(longest: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    longest.mul_f64(random as f64 / f64::from(u32::MAX))
}

pub(super) fn name(url: &Url) -> String {
    login::without(url.clone()).authority().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn everyone_waits_for_a_host_that_asked_for_it_and_for_no_other() {
        let limits = RateLimits::default();
        let url = |text: &str| Url::parse(text).unwrap();
        let (busy, wait) = (url("http://user:word@one.example/a"), Duration::from_millis(60));
        assert_eq!(limits.hold(&busy, wait, MINUTE).unwrap().unwrap().host, "one.example");
        let start = Instant::now();
        assert_eq!(limits.hosts().next_slot("two.example", start), None);
        limits.clone().wait(&url("http://one.example/b")).await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn a_wait_is_reported_once_and_one_beyond_the_patience_is_an_error() {
        let (mut hosts, now) = (Hosts::default(), Instant::now());
        let mut hold = |at: u64, asked: u64| {
            let asked = Duration::from_secs(asked);
            let held = hosts.hold("one", now + Duration::from_secs(at), asked, MINUTE * 15);
            held.map(|wait| {
                wait.map(|wait| match wait.why {
                    Why::Asked(length) => length.as_secs(),
                    Why::Silent { .. } => 0,
                })
            })
        };
        // Refused together, twice.
        assert_eq!((hold(0, 5).unwrap(), hold(0, 5).unwrap()), (Some(5), None));
        assert_eq!((hold(9, 5).unwrap(), hold(20, 6).unwrap()), (None, Some(6)));
        assert_eq!((hold(40, 60).unwrap(), hold(200, 60).unwrap()), (Some(60), Some(60)));
        let refused = hold(300, 86_400).unwrap_err();
        let said = "one asks to be left alone for 24h, and of this run's patience 12m 44s are left";
        assert_eq!(refused.to_string(), said);
    }

    /// A push of `writes` by four workers, where each write that `refused` names is refused once with a Retry-After of two
    /// seconds: how long it takes, and how much of that the host asked for.
    fn push(writes: usize, refused: impl Fn(usize) -> bool) -> (Duration, Duration) {
        const REQUEST: Duration = Duration::from_millis(50);
        const ASKED: Duration = Duration::from_secs(2);
        let (mut hosts, start) = (Hosts::default(), Instant::now());
        // When a worker does its next step, and the write it has in hand.
        let mut workers = [(start, None, false); 4];
        let (mut next, mut done, mut again) = (0, 0, vec![false; writes]);
        let (mut now, mut held) = (start, Duration::ZERO);
        while done < writes {
            let worker = (0..4).min_by_key(|at| workers[*at].0).unwrap();
            now = workers[worker].0;
            let (_, write, sent) = workers[worker];
            workers[worker] = match (write, sent) {
                // The answer.
                (Some(write), true) if refused(write) && !again[write] => {
                    again[write] = true;
                    let before = hosts.known.get("r").map_or(now, |host| host.held.max(now));
                    hosts.hold("r", now, ASKED, MINUTE * 1000).unwrap();
                    held += hosts.known["r"].held - before;
                    (now, Some(write), false)
                }
                (Some(_), true) => {
                    hosts.speed_up("r");
                    done += 1;
                    (now, None, false)
                }
                // In hand: its turn, or the wait until then.
                (Some(write), false) => match hosts.next_slot("r", now) {
                    Some(wait) => (now + wait, Some(write), false),
                    None => (now + REQUEST, Some(write), true),
                },
                (None, _) if next < writes => {
                    next += 1;
                    (now, Some(next - 1), false)
                }
                (None, _) => (now + MINUTE * 10_000, None, false),
            };
        }
        (now - start, held)
    }

    #[test]
    fn a_push_with_a_quarter_of_its_writes_refused_takes_the_waits_asked_for_and_no_more() {
        let (plain, none) = push(400, |_| false);
        assert_eq!((plain, none), (Duration::from_millis(50) * 100, Duration::ZERO));
        for every in [
            |n: usize| n.is_multiple_of(4),
            |n: usize| (n / 4).is_multiple_of(4),
            |n: usize| n < 100,
        ] {
            let (took, held) = push(400, every);
            // A refused write is sent twice, by one of four.
            let sent_again = Duration::from_millis(50) * 100;
            assert!(held > Duration::from_secs(10), "{held:?}");
            assert!(took <= plain + held + sent_again, "{took:?}, {held:?} asked for");
        }
    }

    #[test]
    fn requests_to_a_host_that_was_too_busy_are_spaced_until_enough_of_them_succeed() {
        let (mut hosts, now, wait) = (Hosts::default(), Instant::now(), Duration::from_millis(10));
        let gap = |hosts: &Hosts| hosts.known["one"].gap;
        // Refused together: one time.
        (0..5).for_each(|_| hosts.slow_down("one", now, wait));
        assert_eq!(gap(&hosts), FIRST_GAP);
        let slots: Vec<_> = (0..4).map(|_| hosts.next_slot("one", now).unwrap()).collect();
        assert_eq!(slots, [0, 1, 2, 3].map(|before| wait + FIRST_GAP * before));
        let later = now + FIRST_GAP * 5;
        hosts.slow_down("one", later, Duration::ZERO);
        assert_eq!(gap(&hosts), FIRST_GAP * 2);
        (0..20).for_each(|_| hosts.speed_up("one"));
        assert!(gap(&hosts) < FIRST_GAP && gap(&hosts) > Duration::ZERO);
        (0..20).for_each(|_| hosts.speed_up("one"));
        assert_eq!(gap(&hosts), Duration::ZERO);
        assert!((0..100).all(|_| hosts.next_slot("one", later).is_none()));
    }

    #[test]
    fn a_gap_grows_only_where_much_is_refused() {
        let (mut hosts, now) = (Hosts::default(), Instant::now());
        let mut gap_after = |answers: u32| {
            for _ in 0..50 {
                let host = hosts.host("r", now);
                host.held = now;
                hosts.slow_down("r", now, Duration::ZERO);
                (0..answers).for_each(|_| hosts.speed_up("r"));
            }
            hosts.known["r"].gap
        };
        assert!(gap_after(12) <= FIRST_GAP);
        assert!(gap_after(1) > LONGEST_GAP / 2);
    }

    #[test]
    fn jitter_stays_within_its_bound() {
        let longest = Duration::from_millis(100);
        assert!((0..100).map(|_| jitter(longest)).all(|j| j <= longest));
    }
}
