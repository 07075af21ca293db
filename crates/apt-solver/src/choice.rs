//! The answer: which packages are added or upgraded, and why each of them.

use std::fmt;

use crate::clauses::Field;
use crate::request::Request;
use crate::stanza::Stanza;

/// What a question leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// What is added to the base or upgraded there: each behind all that it depends on, but where packages depend on each
    /// other; sorted by name otherwise.
    pub packages: Vec<Chosen<'a>>,
}

/// A package that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version, as its stanza writes it.
    pub version: &'a str,
    /// Its architecture, as its stanza has it: `all`, or one.
    pub architecture: &'a str,
    /// Its stanza, with the name of its file, size and hashes.
    pub stanza: Stanza<'a>,
    /// The place of its index in the question.
    pub index: usize,
    /// The version in the base that it takes the place of.
    pub upgrades: Option<&'a str>,
    /// Why it is here.
    pub why: Why<'a>,
}

/// Why a package was chosen: what led to it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why<'a> {
    /// It was asked for, by its name or by one that it provides.
    Requested(&'a Request),
    /// Every system has it ([`Question::from_nothing`](crate::Question::from_nothing)).
    BaseSet,
    /// Another package that was chosen, or is in the base, needs it.
    Needed {
        /// Which one.
        by: &'a str,
        /// In which field it says so.
        field: Field,
        /// What stands there, with all alternatives.
        relation: String,
    },
    /// It was built from the same source as another package that was chosen, of which the base has an older version.
    SameSource {
        /// Which one.
        of: &'a str,
    },
    /// What the base has of it does not go with another package that was chosen.
    Replaced {
        /// Which one.
        by: &'a str,
    },
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested(request) => write!(f, "{request} is requested"),
            Self::BaseSet => f.write_str("every system has it"),
            Self::Needed { by, field, relation } => {
                write!(f, "{by} has {relation} in {}", field.name())
            }
            Self::SameSource { of } => write!(f, "it is of the same source as {of}"),
            Self::Replaced { by } => write!(f, "the version in the base does not go with {by}"),
        }
    }
}
