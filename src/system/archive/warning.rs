//! What is odd about a suite, and no reason to stop.

use std::fmt;

use debian_archive::Checked;
use jiff::Timestamp;

/// Something odd about a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Its Release file's Valid-Until is past.
    Stale {
        /// The suite.
        suite: String,
        /// The end.
        valid_until: Timestamp,
    },
    /// The mirror gave an older Release file than this machine has seen there before; the newer one is used.
    Behind {
        /// The suite.
        suite: String,
        /// The date of what the mirror gave.
        date: Timestamp,
        /// The date of the one that is used.
        used: Timestamp,
    },
    /// A signature by a trusted key that does not count, beside one that does.
    Signature {
        /// The suite.
        suite: String,
        /// Which, and why.
        checked: Checked,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Stale { suite, valid_until } => write!(
                f,
                "{suite}: its Release file was to be used until {valid_until}; the mirror is no longer updated, or keeps updates back"
            ),
            Warning::Behind { suite, date, used } => write!(
                f,
                "{suite}: the mirror gave its Release file of {date}; the newer one of {used}, seen there before, is used"
            ),
            Warning::Signature { suite, checked } => write!(f, "{suite}: {checked}"),
        }
    }
}
