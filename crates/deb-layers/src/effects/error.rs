//! Why the effects of a script are not known, or cannot be made.

use thiserror::Error;

use crate::path::PathError;
use crate::tree::ReadError;

/// Why the effects of a package's scripts are not in the tree.
#[derive(Debug, Error)]
pub enum EffectError {
    /// Nobody has reviewed this text.
    #[error(
        "the {script} of {package} {version} says something that is not known (sha256 {sha256}): {excerpt}"
    )]
    UnknownScript {
        /// Name of the package.
        package: String,
        /// Its version.
        version: String,
        /// `preinst` or `postinst`.
        script: &'static str,
        /// Of the text in its normal form, or of the section's.
        sha256: String,
        /// How the text begins.
        excerpt: String,
    },
    /// The script does something else in a tree like this one.
    #[error("what is known of the {script} of {package} {version} does not hold here: {condition}")]
    Condition {
        /// Name of the package.
        package: String,
        /// Its version.
        version: String,
        /// `preinst` or `postinst`.
        script: &'static str,
        /// What is not so.
        condition: String,
    },
    /// An effect could not be made.
    #[error("an effect of the {script} of {package} {version} cannot be made")]
    Effect {
        /// Name of the package.
        package: String,
        /// Its version.
        version: String,
        /// `preinst` or `postinst`.
        script: &'static str,
        /// Why.
        #[source]
        source: Flaw,
    },
}

/// Why one effect could not be made.
#[derive(Debug, Error)]
pub enum Flaw {
    /// A path that has no place in the tree.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file that cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file that should be there.
    #[error("/{0} is missing")]
    Missing(String),
    /// A file with something else in it than such a file has.
    #[error("{path} cannot be understood: {line}")]
    Form {
        /// Its path.
        path: String,
        /// The line, or what is wrong.
        line: String,
    },
    /// An account that should be there.
    #[error("there is no user or group named {0}")]
    NoAccount(String),
    /// No number is left for an account.
    #[error("no number is left for {0}")]
    NoNumber(String),
}

impl Flaw {
    pub(crate) fn form(path: &str, line: impl Into<String>) -> Self {
        Flaw::Form { path: path.to_owned(), line: line.into() }
    }
}
