//! Why there is no choice.

use std::fmt;

use thiserror::Error;

use crate::candidate::Malformed;
use crate::failure::Failure;
use crate::status::State;

/// A question that has no answer, with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No index has a package of this name, and none provides it.
    #[error("there is no package {name} in {indexes}{}", did_you_mean(.similar))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        indexes: String,
        /// Names that differ in little.
        similar: Vec<String>,
    },
    /// The name is one that packages provide, and more than one does.
    #[error("{name} is not a package: {} provide it; ask for one of them", .providers.join(", "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Who provides it.
        providers: Vec<String>,
    },
    /// There is such a package, in other versions.
    #[error("{request} cannot be had: {there}; ask for a version that is there{held}")]
    NoVersion {
        /// What was asked for.
        request: String,
        /// Which versions there are, and where.
        there: String,
        /// What else is in the way.
        held: String,
    },
    /// The base is not in a state to be built upon.
    #[error(
        "{package} is {state} in the base; finish that there first (`dpkg --configure -a`, `apt-get -f install`)"
    )]
    BrokenBase {
        /// Which package.
        package: String,
        /// How far it has come.
        state: State,
    },
    /// A stanza that was needed cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// What is asked for does not go together.
    #[error("{0}")]
    Impossible(Explanation),
    /// So many choices do not go together that the search was given up.
    #[error(
        "the packages asked for exclude each other in too many ways; ask for fewer at a time to see which"
    )]
    TooHard,
}

/// Why a request cannot be met: what is requested, what that needs, and what is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Sentences in their order; one that is indented says why the one above it holds.
    pub lines: Vec<String>,
    /// What could be done.
    pub advice: String,
}

impl From<&Failure> for Explanation {
    fn from(failure: &Failure) -> Self {
        let requests: Vec<&str> = failure.requests.iter().map(String::as_str).collect();
        let base: Vec<&str> = failure.base.iter().map(String::as_str).collect();
        let leave_out = match requests[..] {
            [] => "take another suite or set".to_owned(),
            [one] => format!("leave out {one}"),
            _ => format!("leave out one of {}", requests.join(", ")),
        };
        let advice = match base.is_empty() {
            true => leave_out,
            false => format!("{leave_out}, or take a base without {}", base.join(", ")),
        };
        Self { lines: failure.lines(), advice }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packages asked for cannot be installed together:")?;
        for line in &self.lines {
            write!(f, "\n  {line}")?;
        }
        write!(f, "\nwhat helps: {}", self.advice)
    }
}

fn did_you_mean(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}
