//! Errors of the solver.

use miette::Diagnostic;
use thiserror::Error;

use super::explain::Conflict;
use super::run::{CatalogFailed, Unsolved};
use crate::exit::{Classified, Exit};

/// Why there is no set.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The requirements contradict each other or what the indexes have.
    #[error("no set of versions satisfies every requirement: {0}")]
    Unsatisfiable(Conflict),
    /// Only for a run with a limit.
    #[error("finding a set of versions takes too long")]
    TooLong,
    /// The catalog failed; its implementation has the cause.
    #[error("{0}")]
    Catalog(String),
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Unsatisfiable(_) | Error::TooLong => Exit::Unsatisfiable,
            Error::Catalog(_) => Exit::Network,
        }
    }
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        Error::Unsatisfiable(conflict)
    }
}

impl From<Unsolved<'_>> for Error {
    fn from(unsolved: Unsolved) -> Self {
        match unsolved {
            Unsolved::NoSet(none) => Error::Unsatisfiable(Conflict::of(&none)),
            Unsolved::TooLong => Error::TooLong,
            Unsolved::Catalog(failed) => failed.into(),
        }
    }
}

impl From<CatalogFailed> for Error {
    fn from(CatalogFailed(why): CatalogFailed) -> Self {
        Error::Catalog(why)
    }
}
