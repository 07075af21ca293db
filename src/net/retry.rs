//! When to try again, and how long to wait first. Pure: the client sleeps, this decides.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;

/// How often, and how patiently. Back-off doubles from `first`; a server's Retry-After wins over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Requests in all, the first one included.
    pub attempts: u32,
    /// The wait after the first failure.
    pub first: Duration,
    /// No wait is longer, not even one a server asks for.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { attempts: 6, first: Duration::from_millis(200), longest: Duration::from_secs(60) }
    }
}

/// A host that refuses connections or has no address seldom gets one within seconds.
const CONNECT_ATTEMPTS: u32 = 3;

impl Retry {
    /// Whether this answer may become another one by itself.
    pub fn is_passing(status: StatusCode) -> bool {
        status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
    }

    /// The wait before attempt `next` (the second attempt is 2); `None`: give up.
    pub fn wait(&self, next: u32, retry_after: Option<Duration>) -> Option<Duration> {
        let backoff = self.first.saturating_mul(1 << next.saturating_sub(2).min(16));
        (next <= self.attempts).then(|| retry_after.unwrap_or(backoff).min(self.longest))
    }

    /// What one piece of work may spend.
    pub fn budget(self) -> Budget {
        Budget { retry: self, used: 1 }
    }
}

/// The attempts one piece of work has left, shared by everything that is tried for its sake: a
/// download that breaks off and a server that answers 503 spend from the same purse, so retries
/// inside retries cannot multiply.
#[derive(Debug, Clone)]
pub struct Budget {
    retry: Retry,
    used: u32,
}

impl Budget {
    /// Spends one attempt: the wait before it, or `None` when there is none left.
    pub fn spend(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        self.used += 1;
        self.retry.wait(self.used, retry_after)
    }

    /// The same for a connection that was not made at all.
    pub fn spend_on_connecting(&mut self) -> Option<Duration> {
        self.spend(None).filter(|_| self.used <= CONNECT_ATTEMPTS)
    }

    /// The number of the attempt that `spend` allowed last.
    pub fn attempt(&self) -> u32 {
        self.used
    }

    /// Work went on: the next failure is a first failure again.
    pub fn renew(&mut self) {
        self.used = 1;
    }
}

/// Retry-After as seconds or as an HTTP date (RFC 9110 10.2.3); a date in the past is no wait.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "1994-11-06T08:49:37Z".parse().unwrap()
    }

    #[test]
    fn waits_double_and_end() {
        let retry = Retry { attempts: 4, ..Retry::default() };
        let waits: Vec<_> = (2..6).map(|n| retry.wait(n, None).map(|d| d.as_millis())).collect();
        assert_eq!(waits, [Some(200), Some(400), Some(800), None]);
    }

    #[test]
    fn the_server_decides_how_long_up_to_a_bound() {
        let retry = Retry::default();
        assert_eq!(retry.wait(2, retry_after("7", now())), Some(Duration::from_secs(7)));
        assert_eq!(retry.wait(2, retry_after("86400", now())), Some(retry.longest));
    }

    #[test]
    fn retry_after_may_be_a_date() {
        let after = |text| retry_after(text, now());
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn a_budget_is_spent_once_for_all_and_renewed_by_progress() {
        let mut budget = Retry { attempts: 3, ..Retry::default() }.budget();
        assert!(budget.spend(None).is_some() && budget.spend(None).is_some());
        assert!(budget.spend(None).is_none());
        budget.renew();
        assert!(budget.spend(None).is_some());
    }

    #[test]
    fn a_host_that_cannot_be_connected_to_is_given_up_sooner() {
        let mut budget = Retry::default().budget();
        let tries = std::iter::from_fn(|| budget.spend_on_connecting()).count();
        assert_eq!(tries, 2);
    }

    #[test]
    fn only_answers_that_can_change_are_tried_again() {
        let passing = |code| Retry::is_passing(StatusCode::from_u16(code).unwrap());
        assert!([429, 500, 502, 503, 504, 408].into_iter().all(passing));
        assert!(![400, 401, 403, 404, 416, 501].into_iter().any(passing));
    }
}
