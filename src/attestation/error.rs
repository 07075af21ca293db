//! Errors of attestations and signatures.

use miette::Diagnostic;
use semver::Version;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::registry;

/// Documents or signatures that could not be made or read.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The registry did not do what was asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] registry::Advised),
    /// No cosign.
    #[error("[sign] is set, and the program cosign is not on PATH")]
    #[diagnostic(help(
        "install cosign 3 or newer (Debian and others: the package cosign; elsewhere: docs.sigstore.dev), or take [sign] \
         out of envlock.toml"
    ))]
    NoCosign,
    /// A cosign that cannot do what is asked.
    #[error("[sign] needs cosign {oldest} or newer, and the one on PATH is {found}")]
    #[diagnostic(help(
        "install a newer cosign (Debian and others: the package cosign; elsewhere: docs.sigstore.dev), or take [sign] out \
         of envlock.toml"
    ))]
    OldCosign {
        /// What it says of itself.
        found: Version,
        /// The first that can.
        oldest: Version,
    },
    /// cosign does not start, or fails.
    #[error("cosign {what} failed: {said}")]
    #[diagnostic(help(
        "no file was written. A key with a password needs COSIGN_PASSWORD; without a way to sigstore's servers set \
         transparency-log = false under [sign], which cosign 3.0.4 or newer can do"
    ))]
    Cosign {
        /// `sign IMAGE`
        what: String,
        /// The last lines it printed.
        said: String,
    },
    /// A file for cosign cannot be written.
    #[error("a file for cosign cannot be written: {0}")]
    #[diagnostic(help("check the folder for temporary files (TMPDIR) and its free space"))]
    Temporary(#[source] std::io::Error),
    /// An image whose lock was not found.
    #[error("the lock that {image} was built from was not found")]
    #[diagnostic(help(
        "it is neither beside the image in its registry, nor in .envlock/locks, nor in git's history; images that \
         envlock 0.1 or newer pushed have it"
    ))]
    NoLock {
        /// Which.
        image: String,
    },
    /// An index without images.
    #[error("{image} is an index without images")]
    #[diagnostic(help("name an image"))]
    Empty {
        /// Which.
        image: String,
    },
    /// A config that cannot be read.
    #[error("the config of {image} is not JSON: {source}")]
    #[diagnostic(help("it is not an image: what is beside it cannot be compared with it"))]
    NoConfig {
        /// Which.
        image: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A lock beside an image that is not the image's.
    #[error("the lock beside {image} has the sha256 {found}, the image says {expected}")]
    #[diagnostic(help(
        "do not trust it; `envlock verify --supply` shows what else does not match"
    ))]
    OtherLock {
        /// Which.
        image: String,
        /// What the image's label says.
        expected: String,
        /// What was found.
        found: String,
    },
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        Error::Registry(error.into())
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Registry(error) => error.exit(),
            Error::NoCosign | Error::OldCosign { .. } => Exit::Usage,
            Error::OtherLock { .. } => Exit::Integrity,
            Error::NoLock { .. } | Error::Empty { .. } | Error::NoConfig { .. } => Exit::Registry,
            Error::Cosign { .. } | Error::Temporary(_) => Exit::Failed,
        }
    }
}
