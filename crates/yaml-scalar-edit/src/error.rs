//! Why a text is not edited.

use std::ops::Range;

use thiserror::Error;

/// A place in a text: bytes, counted from the first one after the byte order mark.
type Span = Range<usize>;

/// An edit that was refused. Every message says what is wrong and names the path; what to do about it depends on where
/// the path comes from, which the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Bytes that are not UTF-8.
    #[error("not UTF-8 text (byte {offset})")]
    NotText {
        /// Where the first wrong byte is, counted from 0.
        offset: usize,
    },
    /// One of the two parsers cannot read it, or they read different things.
    #[error("{message}")]
    NotYaml {
        /// What is wrong.
        message: String,
        /// Where.
        span: Option<Span>,
    },
    /// The path leads nowhere.
    #[error("{message}")]
    Missing {
        /// What is not there.
        message: String,
        /// Where it would be.
        span: Option<Span>,
    },
    /// The path means several places.
    #[error("{message}")]
    Ambiguous {
        /// Which ones.
        message: String,
    },
    /// The value is there, and cannot be written in its place by itself.
    #[error("{message}")]
    NotInPlace {
        /// Why.
        message: String,
        /// Where it is.
        span: Option<Span>,
    },
    /// Other values would have changed as well: they share an anchor, an alias or a merge key.
    #[error("more would change than asked for: {}", paths.join(", "))]
    Spills {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The way back does not lead to the bytes of before ([`edit_reversibly`](crate::edit_reversibly)).
    #[error("{} could not be taken back: {reason}", paths.join(", "))]
    Irreversible {
        /// The values that were to change.
        paths: Vec<String>,
        /// What became of the way back.
        reason: String,
    },
    /// Bytes outside of the values would have changed: a mistake of this library that its proof caught.
    #[error("the edit would touch bytes that it must not touch")]
    Unproven,
}

impl Error {
    /// Where in the text, in bytes after the byte order mark; `None` where no place says more than another.
    pub fn span(&self) -> Option<&Range<usize>> {
        match self {
            Error::NotYaml { span, .. }
            | Error::Missing { span, .. }
            | Error::NotInPlace { span, .. } => span.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn not_yaml(at: Option<Span>, message: impl Into<String>) -> Self {
        Error::NotYaml { message: message.into(), span: at }
    }

    pub(crate) fn missing(at: Option<Span>, message: impl Into<String>) -> Self {
        Error::Missing { message: message.into(), span: at }
    }

    pub(crate) fn not_in_place(at: Option<Span>, message: impl Into<String>) -> Self {
        Error::NotInPlace { message: message.into(), span: at }
    }
}
