//! Whether a Release file is of today, and whether it is older than one that was seen.

use jiff::{SignedDuration, Timestamp};

use crate::release::Release;

/// How much two clocks may differ.
pub const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// How a Release file stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is valid.
    Current,
    /// Its Valid-Until is past: the mirror is no longer updated, or somebody keeps news back.
    Stale {
        /// The end.
        valid_until: Timestamp,
    },
    /// It is from the future by more than a day: one of two clocks is wrong.
    NotYetValid {
        /// Its date.
        date: Timestamp,
    },
}

/// How a Release file stands to one that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Of the same moment.
    Same,
    /// A later one.
    Newer,
    /// An earlier one: a mirror that is behind, or somebody who hides updates. The caller decides.
    Older {
        /// The date of the one that was seen.
        seen: Timestamp,
        /// The date of this one.
        date: Timestamp,
    },
}

/// How `release` stands at `now`.
pub fn freshness(release: &Release, now: Timestamp) -> Freshness {
    match release.valid_until {
        _ if release.date.duration_since(now) > SKEW => {
            Freshness::NotYetValid { date: release.date }
        }
        Some(valid_until) if now.duration_since(valid_until) > SignedDuration::ZERO => {
            Freshness::Stale { valid_until }
        }
        _ => Freshness::Current,
    }
}

/// How a Release file of `date` stands to one of `seen`.
pub fn replay(date: Timestamp, seen: Timestamp) -> Replay {
    match date.cmp(&seen) {
        std::cmp::Ordering::Less => Replay::Older { seen, date },
        std::cmp::Ordering::Equal => Replay::Same,
        std::cmp::Ordering::Greater => Replay::Newer,
    }
}
