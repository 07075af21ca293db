//! Times in envlock.toml: cut-offs, from which on uploads are ignored, and durations.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, ToSpan};
use serde::{Serialize, Serializer};

/// A moment from which on uploads are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    /// The moment.
    pub at: Timestamp,
    /// How far back from now it is, where it was given so: the lock's identity has this, not the moment.
    pub span: Option<SignedDuration>,
}

impl CutOff {
    /// A fixed moment.
    pub fn at(at: Timestamp) -> Self {
        CutOff { at, span: None }
    }
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

impl Serialize for CutOff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.span {
            Some(span) => span.serialize(serializer),
            None => self.at.serialize(serializer),
        }
    }
}

/// Reads `2026-11-23T12:00:00Z` (RFC 3339), `2026-11-23`, which is the end of that day in UTC, so that the same text
/// means the same moment on every machine, or how far back from now: `7 days`, `2 weeks`, `36h`, `P7D`.
///
/// # Errors
/// Any other text, in a sentence.
pub fn cut_off(text: &str) -> Result<CutOff, String> {
    cut_off_at(text, Timestamp::now())
}

fn cut_off_at(text: &str, now: Timestamp) -> Result<CutOff, String> {
    let end_of = |date: Date| {
        let next = date.checked_add(1.day()).ok()?;
        Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let day = text.len() == "2026-11-23".len();
    let moment = match day {
        true => text.parse().ok().and_then(end_of),
        false => text.parse().ok(),
    };
    let read = moment.map(CutOff::at).or_else(|| back(text, now));
    read.ok_or_else(|| {
        format!(
            "`{text}` is not a time: write 2026-11-23 (to its end, UTC), 2026-11-23T12:00:00Z or 7 days"
        )
    })
}

/// A day has 24 hours, regardless of the time zone. Counted from the last full hour, so that cached answers can be used.
fn back(text: &str, now: Timestamp) -> Option<CutOff> {
    const HOUR: i64 = 3600;
    let span: Span = text.parse().ok()?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let hour = Timestamp::from_second(now.as_second().div_euclid(HOUR) * HOUR).ok()?;
    let at = hour.checked_sub(span).ok()?;
    (!span.is_negative()).then_some(CutOff { at, span: Some(span) })
}

/// Reads `15m`, `1h 30m`, `90s`.
///
/// # Errors
/// Any other text, in a sentence; negative durations too.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    let read = text.parse::<SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    read.ok_or_else(|| format!("`{text}` is not a length of time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end_and_a_moment_is_itself() {
        let now = "2026-11-23T12:34:56Z".parse().unwrap();
        let shown = |text| cut_off_at(text, now).map(|t| t.to_string());
        assert_eq!(shown("2026-12-31").as_deref(), Ok("2027-01-01T00:00:00Z"));
        assert_eq!(shown("2026-11-23T12:00:00+09:00").as_deref(), Ok("2026-11-23T03:00:00Z"));
        for (back, at) in [
            ("7 days", "2026-11-16T12:00:00Z"),
            ("1 week", "2026-11-16T12:00:00Z"),
            ("P1DT12H", "2026-11-22T00:00:00Z"),
            ("36h", "2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(shown(back).as_deref(), Ok(at), "{back}");
        }
        let hash = |text| serde_json::to_string(&cut_off_at(text, now).unwrap()).unwrap();
        assert_eq!(hash("7 days"), hash("1 week"));
        for bad in
            ["-7 days", "1 month", "", "yesterday", "2026-11", "2026-13-01", "2026-11-23T12:00"]
        {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_length_has_a_unit_and_is_never_less_than_nothing() {
        let seconds = |text| length(text).map(|d| d.as_secs());
        for (text, expected) in [("15m", 900), ("1h 30m", 5400), ("90s", 90), ("0s", 0)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "15", "-1m", "1m ago", "soon", "1 month"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
