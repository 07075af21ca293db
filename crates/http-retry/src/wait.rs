//! Waits that servers ask for: reported at once, and bounded by the patience of the run.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use url::Url;

/// A wait for a host. Shown as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// `HOST[:PORT]`
    pub host: String,
    /// Why.
    pub why: Why,
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The host asked for no request for so long, from now on.
    Asked(Duration),
    /// It accepted a request and sends nothing.
    Silent {
        /// For so long already.
        since: Duration,
        /// From the beginning of the silence until the request fails.
        end: Duration,
    },
}

/// A longer wait is reported also where only problems are reported.
const LONG: Duration = Duration::from_secs(10);

impl Wait {
    /// Whether it is reported also where only problems are reported.
    pub fn is_long(&self) -> bool {
        match self.why {
            Why::Asked(length) => length > LONG,
            Why::Silent { .. } => true,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait { host, why } = self;
        match *why {
            Why::Asked(length) => {
                write!(f, "{host} asks to be left alone for {}; waiting", words(length))
            }
            Why::Silent { since, end } => {
                let (since, end) = (words(since), words(end));
                write!(f, "{host} has said nothing for {since}; it is given up after {end}")
            }
        }
    }
}

/// `45s`, `1h 30m`.
pub(super) fn words(length: Duration) -> String {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// Gets every wait that is to be reported.
#[derive(Clone, Default)]
pub(super) struct Listener(Option<Arc<Report>>);

type Report = dyn Fn(&Wait) + Send + Sync;

impl Listener {
    pub(super) fn new(report: impl Fn(&Wait) + Send + Sync + 'static) -> Self {
        Listener(Some(Arc::new(report)))
    }

    pub(super) fn report(&self, wait: &Wait) {
        if let Some(report) = &self.0 {
            report(wait);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// Gets the URL of every request, and a drop when its response has come.
#[derive(Clone, Default)]
pub(super) struct Watch(Option<Arc<Begin>>);

type Begin = dyn Fn(&Url) -> Box<dyn Send> + Send + Sync;

impl Watch {
    pub(super) fn new(begin: impl Fn(&Url) -> Box<dyn Send> + Send + Sync + 'static) -> Self {
        Watch(Some(Arc::new(begin)))
    }

    /// A request is sent; drop the result when its response has come.
    pub(super) fn begin(&self, url: &Url) -> Option<Box<dyn Send>> {
        self.0.as_ref().map(|begin| begin(url))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// What was waited for in a run, all hosts together; what several waited for at the same time counts once.
#[derive(Debug, Default)]
pub(super) struct Waited {
    spent: Duration,
    until: Option<Instant>,
}

impl Waited {
    /// Takes a wait from now on into account. `Err`: it would be more than the patience, of which this is left.
    pub(super) fn spend(
        &mut self,
        now: Instant,
        wait: Duration,
        patience: Duration,
    ) -> Result<Instant, Duration> {
        let left = patience.saturating_sub(self.spent);
        let from = self.until.map_or(now, |until| until.max(now));
        let until = now.checked_add(wait).ok_or(left)?;
        let more = until.saturating_duration_since(from);
        if more > left {
            return Err(left);
        }
        self.spent += more;
        self.until = Some(until.max(from));
        Ok(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn patience_is_spent_by_all_waits_together_and_by_those_at_the_same_time_once() {
        let (mut waited, now) = (Waited::default(), Instant::now());
        let patience = MINUTE * 15;
        assert_eq!(waited.spend(now, MINUTE * 4, patience), Ok(now + MINUTE * 4));
        // Within the first one, and a minute beyond it.
        assert_eq!(waited.spend(now + MINUTE, MINUTE, patience), Ok(now + MINUTE * 2));
        assert_eq!(waited.spend(now + MINUTE, MINUTE * 4, patience), Ok(now + MINUTE * 5));
        let later = now + MINUTE * 60;
        assert_eq!(waited.spend(later, MINUTE * 11, patience), Err(MINUTE * 10));
        assert_eq!(waited.spend(later, Duration::MAX, patience), Err(MINUTE * 10));
        assert!(waited.spend(later, MINUTE * 10, patience).is_ok());
        assert_eq!(waited.spend(later + MINUTE * 11, MINUTE, patience), Err(Duration::ZERO));
    }

    #[test]
    fn lengths_are_words() {
        for (seconds, shown) in [(0, "0s"), (45, "45s"), (90, "1m 30s"), (86_400, "24h")] {
            assert_eq!(words(Duration::from_secs(seconds)), shown);
        }
        let wait = |why| Wait { host: "r.example".to_owned(), why };
        let asked = wait(Why::Asked(MINUTE)).to_string();
        assert_eq!(asked, "r.example asks to be left alone for 1m; waiting");
        let silent = wait(Why::Silent { since: LONG, end: MINUTE * 2 }).to_string();
        assert_eq!(silent, "r.example has said nothing for 10s; it is given up after 2m");
    }
}
