//! Whether to retry, and how long to wait first. Pure: the client sleeps, this decides.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;

/// How often to retry. Back-off doubles from `first`; a server's Retry-After takes precedence, and does not count as an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Requests in all, the first one included.
    pub attempts: u32,
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest back-off.
    pub longest: Duration,
    /// The sum of the waits that servers may ask for; one beyond it is an error.
    pub patience: Duration,
}

/// The patience where none is configured.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);

impl Default for Retry {
    fn default() -> Self {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(60));
        Retry { attempts: 6, first, longest, patience: PATIENCE }
    }
}

/// A host that refuses connections or has no address seldom recovers within seconds.
const CONNECT_ATTEMPTS: u32 = 3;

impl Retry {
    /// Whether a retry may get another response than this.
    pub fn is_passing(status: StatusCode) -> bool {
        // A retry neither implements it nor frees disk space.
        let lasting = [StatusCode::NOT_IMPLEMENTED, StatusCode::INSUFFICIENT_STORAGE];
        status.is_server_error() && !lasting.contains(&status)
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
    }

    /// The wait before attempt `next` (the second attempt is 2); `None`: give up.
    pub fn wait(&self, next: u32) -> Option<Duration> {
        let backoff = self.first.saturating_mul(1 << next.saturating_sub(2).min(16));
        (next <= self.attempts).then(|| backoff.min(self.longest))
    }

    /// The attempts of one operation.
    pub fn budget(self) -> Budget {
        Budget { retry: self, used: 1, silences: 0, lasting: &[] }
    }
}

/// The attempts that an operation has left, shared by everything in it: a download that breaks off and a 503 spend from
/// the same budget, so retries inside retries do not multiply.
#[derive(Debug, Clone)]
pub struct Budget {
    retry: Retry,
    used: u32,
    silences: u32,
    lasting: &'static [StatusCode],
}

/// Attempts at a server that sends nothing: the second may get another connection.
pub(super) const SILENCES: u32 = 2;

impl Budget {
    /// Spends one attempt: the wait before it, or `None` when there is none left.
    pub fn spend(&mut self) -> Option<Duration> {
        self.used += 1;
        self.retry.wait(self.used)
    }

    /// Whether there are retries at all. A wait that a server asks for does not count.
    pub(super) fn has_patience(&self) -> bool {
        self.retry.attempts > 1
    }

    /// The same, without retries after these statuses, for operations that have another way then.
    pub fn but_not_after(self, lasting: &'static [StatusCode]) -> Self {
        Budget { lasting, ..self }
    }

    pub(super) fn is_passing(&self, status: StatusCode) -> bool {
        Retry::is_passing(status) && !self.lasting.contains(&status)
    }

    /// The same after a silent server.
    pub(super) fn spend_on_silence(&mut self) -> Option<Duration> {
        self.silences += 1;
        self.spend().filter(|_| self.silences < SILENCES)
    }

    /// The same after a connection that was not made.
    pub fn spend_on_connecting(&mut self) -> Option<Duration> {
        self.spend().filter(|_| self.used <= CONNECT_ATTEMPTS)
    }

    /// The number of the attempt that `spend` allowed last.
    pub fn attempt(&self) -> u32 {
        self.used
    }

    /// After progress: the next failure counts as the first.
    pub fn renew(&mut self) {
        self.used = 1;
        self.silences = 0;
    }
}

/// Retry-After as seconds or as an HTTP date (RFC 9110 10.2.3); no seconds and a date in the past are no wait.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            Duration::try_from(date.duration_since(now)).ok()?
        }
    };
    Some(wait).filter(|wait| !wait.is_zero())
}

/// Whether a retry cannot help: an invalid request, a redirect loop, an untrusted certificate or a server without TLS
/// (the last two are invalid data).
pub(super) fn is_lasting(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    error.is_builder()
        || error.is_redirect()
        || causes.filter_map(|e| e.downcast_ref()).any(is_invalid_data)
}

/// `source()` skips an `io::Error` inside another one.
fn is_invalid_data(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
        || error.get_ref().and_then(|inner| inner.downcast_ref()).is_some_and(is_invalid_data)
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
        let waits: Vec<_> = (2..6).map(|n| retry.wait(n).map(|d| d.as_millis())).collect();
        assert_eq!(waits, [Some(200), Some(400), Some(800), None]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_as_long_as_it_says() {
        let after = |text| retry_after(text, now()).map(|wait| wait.as_secs());
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("86400"), Some(86_400));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        for none in ["0", "Sun, 06 Nov 1994 08:00:00 GMT", "soon", "-1"] {
            assert_eq!(after(none), None, "{none}");
        }
    }

    #[test]
    fn a_budget_is_spent_once_for_all_and_renewed_by_progress() {
        let mut budget = Retry { attempts: 3, ..Retry::default() }.budget();
        assert!(budget.spend().is_some() && budget.spend().is_some());
        assert!(budget.spend().is_none());
        budget.renew();
        assert!(budget.spend().is_some());
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
        assert!(![400, 401, 403, 404, 416, 501, 507].into_iter().any(passing));
    }
}
