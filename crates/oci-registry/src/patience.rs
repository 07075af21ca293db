//! How long a reading may be older than what was written before it. ghcr.io answers with the old meaning of a tag for
//! about ten seconds.

use std::time::Duration;

/// Two seconds more than was seen.
const LONGEST: Duration = Duration::from_secs(12);

/// The time that is given to a reading to show what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Patience(LONGEST)
    }
}

impl Patience {
    /// So long altogether.
    pub(crate) fn new(longest: Duration) -> Self {
        Patience(longest)
    }

    /// The waits before each further reading; all of them together are the whole time.
    pub(crate) fn waits(self) -> impl Iterator<Item = Duration> {
        [1, 2, 4, 8, 8, 9].into_iter().map(move |share| self.0 * share / 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_grow_and_are_the_whole_time() {
        let waits: Vec<_> = Patience::default().waits().collect();
        assert!(waits.is_sorted() && waits[0] < Duration::from_millis(500));
        assert_eq!(waits.iter().sum::<Duration>(), LONGEST);
        assert!(Patience::new(Duration::ZERO).waits().all(|wait| wait.is_zero()));
    }
}
