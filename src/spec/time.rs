//! Times in envlock.toml: the cut-off, after which nothing counts that was uploaded, and lengths.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Reads `2026-11-23T12:00:00Z` (RFC 3339) or `2026-11-23`, which is the end of that day in UTC: the
/// same text must mean the same moment on every machine. Errors: any other text, in a sentence.
pub fn cut_off(text: &str) -> Result<Timestamp, String> {
    let end_of = |date: Date| {
        let next = date.checked_add(1.day()).ok()?;
        Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let day = text.len() == "2026-11-23".len();
    let read = match day {
        true => text.parse().ok().and_then(end_of),
        false => text.parse().ok(),
    };
    read.ok_or_else(|| {
        format!(
            "`{text}` is not a time: write 2026-11-23 (to its end, UTC) or 2026-11-23T12:00:00Z"
        )
    })
}

/// Reads `15m`, `1h 30m`, `90s`. Errors: any other text, in a sentence; nothing may take less than no time.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    let read = text.parse::<SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    read.ok_or_else(|| format!("`{text}` is not a length of time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end_and_a_moment_is_itself() {
        let shown = |text| cut_off(text).map(|t| t.to_string());
        assert_eq!(shown("2026-12-31").as_deref(), Ok("2027-01-01T00:00:00Z"));
        assert_eq!(shown("2026-11-23T12:00:00+09:00").as_deref(), Ok("2026-11-23T03:00:00Z"));
        for bad in ["", "yesterday", "2026-11", "2026-13-01", "2026-11-23T12:00"] {
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
