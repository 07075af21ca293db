//! Errors of files, while they are downloaded or in the store.

use camino::Utf8PathBuf;
use indicatif::DecimalBytes;
use miette::Diagnostic;
use thiserror::Error;
use url::Url;

use crate::digest::{Mismatch, Sha256};
use crate::exit::{Classified, Exit};
use crate::{net, room};

/// A file that could not be fetched, or has other bytes than it should.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The download failed after all retries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Net(#[from] net::Error),
    /// The sha256 differs from the expected one.
    #[error("{url} has sha256 {got}, expected {expected}")]
    #[diagnostic(help(
        "the bytes were thrown away. If the index replaced the file on purpose, run `envlock resolve` \
         to lock it anew; else do not trust this source"
    ))]
    Hash {
        /// Where they came from.
        url: Box<Url>,
        /// The hash in the lock or index.
        expected: Sha256,
        /// The hash of the bytes.
        got: Sha256,
    },
    /// A hash by another algorithm differs from the stated one.
    #[error("{url} has {mismatch} by its index")]
    #[diagnostic(help(
        "the file or the stated hash was changed; do not use the file before you know which"
    ))]
    Stated {
        /// Where they came from.
        url: Box<Url>,
        /// What is wrong.
        mismatch: Box<Mismatch>,
    },
    /// The length is wrong.
    #[error("{url} has {got} bytes, expected {expected}")]
    #[diagnostic(help(
        "the bytes were thrown away. If the index replaced the file on purpose, run `envlock resolve` \
         to lock it anew; else do not trust this source"
    ))]
    Size {
        /// Where they came from.
        url: Box<Url>,
        /// The expected number of bytes.
        expected: u64,
        /// The number of bytes offered, or received when that is already more.
        got: u64,
    },
    /// A stored file changed since it was verified.
    #[error("{path} has sha256 {got}: it changed after it was stored")]
    #[diagnostic(help(
        "it was moved to {moved} and will be downloaded again by the next run; check the disk"
    ))]
    Changed {
        /// The stored file.
        path: Utf8PathBuf,
        /// What it hashes to now.
        got: Sha256,
        /// Where it is now, to be looked at.
        moved: Utf8PathBuf,
    },
    /// No file with this hash.
    #[error("the store has no file with sha256 {0}")]
    Missing(Sha256),
    /// A file on this machine that cannot be read.
    #[error("{url} cannot be read: {source}")]
    #[diagnostic(help("put it back, or run `envlock resolve` to lock another one"))]
    Local {
        /// Where it should be.
        url: Box<Url>,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// There is no URL for the file.
    #[error("no address is known for {0}")]
    #[diagnostic(help("its source is no longer in the spec; run `envlock resolve`"))]
    NoAddress(String),
    /// There is no folder for the store.
    #[error("there is no home folder to keep the store in")]
    #[diagnostic(help("set ENVLOCK_STORE to a folder"))]
    NoHome,
    /// The disk is full.
    #[error(
        "{path} does not fit on its disk: {} of it are missing{}",
        DecimalBytes(*missing), room::left(path, source)
    )]
    #[diagnostic(help(
        "free some space, or set ENVLOCK_STORE to a folder on another disk; the next run continues with what arrived"
    ))]
    Full {
        /// The incomplete file.
        path: Utf8PathBuf,
        /// Bytes of it that are still missing.
        missing: u64,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// Another error of the disk.
    #[error("{what} {path} failed{}", room::left(path, source))]
    #[diagnostic(help("check free space and permissions, or set ENVLOCK_STORE to another folder"))]
    Io {
        /// What was being done, as in "writing".
        what: &'static str,
        /// To which file.
        path: Utf8PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

impl From<http_retry::Error> for Error {
    fn from(error: http_retry::Error) -> Self {
        Error::Net(error.into())
    }
}

impl Error {
    /// For `map_err`: an [`Error::Io`] about this path.
    pub(super) fn io(
        what: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { what, path, source }
    }

    /// The same, of a download of `total` bytes: a full disk becomes [`Error::Full`], with the bytes that are missing.
    pub(super) fn of(self, total: Option<u64>) -> Self {
        match (self, total) {
            (Error::Io { path, source, .. }, Some(total)) if room::is_used_up(&source) => {
                let written = fs_err::metadata(&path).map_or(0, |file| file.len());
                Error::Full { path, missing: total.saturating_sub(written), source }
            }
            (error, _) => error,
        }
    }

    /// Whether the file may still be fetched from another URL.
    pub fn is_about_this_address(&self) -> bool {
        matches!(self, Error::Net(_) | Error::Local { .. })
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Net(error) => error.exit(),
            Error::Stated { .. } => Exit::Integrity,
            Error::Hash { .. } | Error::Size { .. } | Error::Changed { .. } => Exit::Integrity,
            Error::Local { .. } => Exit::Network,
            Error::NoAddress(_) => Exit::LockStale,
            Error::Missing(_) | Error::NoHome | Error::Full { .. } | Error::Io { .. } => {
                Exit::Failed
            }
        }
    }
}
