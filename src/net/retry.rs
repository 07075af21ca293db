//! When to try again, and how long to wait first. Pure: the client sleeps, this decides.

use std::time::Duration;

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
}

/// Retry-After in seconds. The date form is rare enough to be treated as "soon".
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let retry = Retry { attempts: 4, ..Retry::default() };
        let waits: Vec<_> = (2..6).map(|n| retry.wait(n, None).map(|d| d.as_millis())).collect();
        assert_eq!(waits, [Some(200), Some(400), Some(800), None]);
    }

    #[test]
    fn the_server_decides_how_long_up_to_a_bound() {
        let retry = Retry::default();
        assert_eq!(retry.wait(2, retry_after("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry.wait(2, retry_after("86400")), Some(retry.longest));
    }

    #[test]
    fn only_answers_that_can_change_are_tried_again() {
        let passing = |code| Retry::is_passing(StatusCode::from_u16(code).unwrap());
        assert!([429, 500, 502, 503, 504, 408].into_iter().all(passing));
        assert!(![400, 401, 403, 404, 416, 501].into_iter().any(passing));
    }
}
