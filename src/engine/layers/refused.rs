//! Errors of `wheel-layers` as failures of this program: an exit code, and what to do next.

use std::fmt::Display;

use miette::Diagnostic;
use thiserror::Error;
use wheel_layers::{Error, SpliceError};

use crate::exit::{Classified, Exit, Failure};

const MADE_LIKE_THAT: &str = "its bytes have the hash that its index states, so it was published like this: pin another version";
const PUBLISHED_LIKE_THIS: &str = "its sha256 is the locked one, so the wheel was published like this: lock another version of it";

/// A wheel that is not installed.
#[derive(Debug, Error)]
#[error(transparent)]
struct RefusedWheel(Error);

impl Diagnostic for RefusedWheel {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help = match self.0 {
            Error::Read { .. } => return None,
            Error::Zip { .. } | Error::Member { .. } | Error::Wheel { .. } => MADE_LIKE_THAT,
            Error::Unpacked { .. } => {
                "env.lock names it: run `envlock resolve` again if env.lock was edited; else pin another version"
            }
            Error::Conflict { .. } => {
                "only one of them can be installed: leave one out, or pin versions that agree"
            }
        };
        Some(Box::new(help))
    }
}

impl Classified for RefusedWheel {
    fn exit(&self) -> Exit {
        match self.0 {
            Error::Read { .. } => Exit::Failed,
            Error::Conflict { .. } => Exit::Build,
            Error::Zip { .. }
            | Error::Member { .. }
            | Error::Unpacked { .. }
            | Error::Wheel { .. } => Exit::Integrity,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        RefusedWheel(error).into()
    }
}

/// A layer that could not be made.
#[derive(Debug, Error)]
#[error(transparent)]
struct NotSpliced(SpliceError);

impl Diagnostic for NotSpliced {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help = match self.0 {
            SpliceError::Crc { .. }
            | SpliceError::Size { .. }
            | SpliceError::Recorded { .. }
            | SpliceError::Corrupt { .. }
            | SpliceError::Outside { .. } => PUBLISHED_LIKE_THIS,
            SpliceError::Invalid { .. } => "this is a bug of envlock",
            SpliceError::Path(_) | SpliceError::Read(_) | SpliceError::Write(_) => return None,
        };
        Some(Box::new(help))
    }
}

impl Classified for NotSpliced {
    fn exit(&self) -> Exit {
        match self.0 {
            SpliceError::Crc { .. }
            | SpliceError::Size { .. }
            | SpliceError::Recorded { .. }
            | SpliceError::Corrupt { .. }
            | SpliceError::Outside { .. } => Exit::Integrity,
            SpliceError::Path(_) => Exit::Build,
            SpliceError::Invalid { .. } | SpliceError::Read(_) | SpliceError::Write(_) => {
                Exit::Failed
            }
        }
    }
}

impl From<SpliceError> for Failure {
    fn from(error: SpliceError) -> Self {
        NotSpliced(error).into()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn help(failure: &Failure) -> String {
        failure.report.help().map(|help| help.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_bad_wheel_is_a_matter_of_integrity_and_two_that_disagree_one_of_the_build() {
        let wheel = || "a-1-py3-none-any.whl".to_owned();
        let bad = Failure::from(Error::Wheel { wheel: wheel(), detail: "bad".into() });
        assert_eq!((bad.exit, help(&bad).as_str()), (Exit::Integrity, MADE_LIKE_THAT));
        let large = Failure::from(Error::Unpacked { wheel: wheel(), unpacked: 9, promised: 8 });
        assert_eq!(large.exit, Exit::Integrity);
        assert!(help(&large).contains("envlock resolve"), "{}", help(&large));
        let path = || "opt/x".to_owned();
        let two = Error::Conflict { first: wheel(), second: wheel(), path: path() };
        assert_eq!(Failure::from(two).exit, Exit::Build);
        let recorded = Failure::from(SpliceError::Recorded { wheel: wheel(), path: path() });
        let found = (recorded.exit, help(&recorded));
        assert_eq!(found, (Exit::Integrity, PUBLISHED_LIKE_THIS.to_owned()));
        assert_eq!(Failure::from(SpliceError::Path(path())).exit, Exit::Build);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_with_its_cause() {
        let source = std::io::Error::other("gone");
        let failure = Failure::from(Error::Read { wheel: "a.whl".into(), source });
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(failure.report.to_string(), "reading the wheel a.whl");
        let cause = failure.report.downcast_ref::<RefusedWheel>().and_then(|e| e.source());
        assert_eq!(cause.map(ToString::to_string).as_deref(), Some("gone"));
    }
}
