//! Errors of base images.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::platform::Platform;
use crate::reference::{BadReference, Unreadable};
use crate::{registry, store};

/// A base image that cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Text that is no image reference.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Reference(#[from] Unreadable),
    /// Its registry did not do what was asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] registry::Advised),
    /// The image exists, but not for the platform.
    #[error("{reference} has no image for {requested}, only for {found}")]
    #[diagnostic(help("name another base image in envlock.toml"))]
    NoPlatform {
        /// The image.
        reference: String,
        /// `linux/amd64`
        requested: Platform,
        /// What there is.
        found: String,
    },
    /// The facts cannot be stored.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether its registry gave no answer at all, so that nothing is known about the image.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Error::Registry(error) if error.is_unreachable())
    }
}

impl From<BadReference> for Error {
    fn from(error: BadReference) -> Self {
        Error::Reference(error.into())
    }
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        Error::Registry(error.into())
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Reference(error) => error.exit(),
            Error::Registry(error) => error.exit(),
            Error::NoPlatform { .. } => Exit::Registry,
            Error::Store(error) => error.exit(),
        }
    }
}
