//! How far a version is behind the newest one that its requirement can have.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pep440_rs::Version;

use crate::catalog::Candidate;

/// The days that a release line counts for where the index has no upload times.
const DAYS_OF_A_LINE: i64 = 91;

/// The distance of a version from the newest, smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Lag {
    /// Days between the uploads of the newest version and of this one, or of the oldest that is between them: a late
    /// maintenance release of an old line counts as old.
    pub(super) days: i64,
    /// Versions that are newer.
    pub(super) newer: usize,
    /// Release lines (`X.Y`) that are newer.
    pub(super) lines: usize,
}

impl Lag {
    /// Whether the cost of a newer version is reported: the distance is more than a release line, or a year.
    pub(super) fn is_far(self) -> bool {
        self.lines > 1 || self.days > 365
    }
}

/// The versions a requirement can have, newest first, each with its distance from the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Ladder(Vec<(Version, Lag)>);

impl Ladder {
    /// The ladder of usable candidates, newest first.
    pub(super) fn of<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Self {
        let candidates: Vec<_> = candidates.collect();
        // All or none: a version without a time would seem to be of today.
        let times: Option<Vec<Timestamp>> = candidates.iter().map(|c| c.uploaded).collect();
        let newest = times.iter().flatten().next().copied();
        let (mut lines, mut oldest) = (BTreeSet::new(), newest);
        let mut steps = Vec::with_capacity(candidates.len());
        for (newer, candidate) in candidates.iter().enumerate() {
            let own = line(&candidate.version);
            let before = lines.len() - usize::from(lines.contains(&own));
            oldest = oldest.min(candidate.uploaded);
            let days = match (newest, oldest) {
                (Some(newest), Some(oldest)) => newest.duration_since(oldest).as_hours() / 24,
                _ => i64::try_from(before).unwrap_or(i64::MAX).saturating_mul(DAYS_OF_A_LINE),
            };
            steps.push((candidate.version.clone(), Lag { days, newer, lines: before }));
            lines.insert(own);
        }
        Ladder(steps)
    }

    /// The newest version.
    pub(super) fn newest(&self) -> Option<&Version> {
        self.0.first().map(|(version, _)| version)
    }

    /// The distance of a version; one that is not on it counts as the newest.
    pub(super) fn lag(&self, version: &Version) -> Lag {
        let own = self.0.iter().find(|(v, _)| v == version);
        own.map(|(_, lag)| *lag).unwrap_or_default()
    }

    /// The oldest version that is no further behind.
    pub(super) fn floor(&self, most: Lag) -> Option<&Version> {
        self.0.iter().take_while(|(_, lag)| *lag <= most).last().map(|(version, _)| version)
    }

    /// Whether a version has exactly this distance.
    pub(super) fn has(&self, lag: Lag) -> bool {
        self.0.iter().any(|(_, own)| *own == lag)
    }

    /// All distances that are less than `than`.
    pub(super) fn less(&self, than: Lag) -> impl Iterator<Item = Lag> {
        self.0.iter().map(|(_, lag)| *lag).take_while(move |lag| *lag < than)
    }
}

/// Epoch and the first two numbers.
pub(super) fn line(version: &Version) -> (u64, u64, u64) {
    let release = version.release();
    let part = |i: usize| release.get(i).copied().unwrap_or_default();
    (version.epoch(), part(0), part(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::solve::fixture::MapCatalog;

    fn ladder(text: &str) -> Ladder {
        let project = MapCatalog::new(text).project(&"a".parse().unwrap()).unwrap();
        Ladder::of(project.candidates.iter())
    }

    fn lag(ladder: &Ladder, version: &str) -> (i64, usize, usize) {
        let Lag { days, newer, lines } = ladder.lag(&version.parse().unwrap());
        (days, newer, lines)
    }

    #[test]
    fn a_version_is_as_old_as_the_oldest_that_is_newer_than_it() {
        let ladder = ladder(
            "a 3.1!at=2026-03-01:\na 3.0!at=2026-01-01:\na 2.9.1!at=2026-02-20:\na 1.0!at=2024-01-01:",
        );
        assert_eq!(lag(&ladder, "3.1"), (0, 0, 0));
        assert_eq!(lag(&ladder, "3.0"), (59, 1, 1));
        assert_eq!(lag(&ladder, "2.9.1"), (59, 2, 2), "it came later than 3.0");
        assert_eq!(lag(&ladder, "1.0"), (790, 3, 3));
        assert!(ladder.lag(&"2.9.1".parse().unwrap()).is_far());
    }

    #[test]
    fn without_times_release_lines_count() {
        let ladder = ladder("a 3.1.1:\na 3.1.0:\na 3.0:\na 1.0:");
        assert_eq!(lag(&ladder, "3.1.0"), (0, 1, 0));
        assert_eq!(lag(&ladder, "3.0"), (91, 2, 1));
        assert_eq!(lag(&ladder, "1.0"), (182, 3, 2));
        let most = ladder.lag(&"3.0".parse().unwrap());
        assert_eq!(ladder.floor(most).unwrap().to_string(), "3.0");
        assert_eq!(ladder.less(most).count(), 2);
    }
}
