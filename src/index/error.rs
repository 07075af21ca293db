//! What can go wrong between a wish and a wheel's facts.

use miette::Diagnostic;
use thiserror::Error;
use url::Url;

use super::page::BadPage;
use super::zip::BadZip;
use crate::digest::Sha256;
use crate::exit::{Classified, Exit};
use crate::net;

/// An index, a wheel or a setting that cannot be used. Cloned where many ask for the same thing.
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum Error {
    /// A request failed after all retries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Net(#[from] net::Error),
    /// An answer that is not a page of links.
    #[error("{url} is not an index page: {why}")]
    #[diagnostic(help("check the index address; a project page is INDEX/PROJECT/"))]
    NotAPage {
        /// What was asked.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// A server's answer that HTTP does not allow.
    #[error("{url} gave an answer that cannot be used: {why}")]
    Answer {
        /// What was asked.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// No source has the project.
    #[error("no source has {name}; asked: {asked}")]
    NotFound {
        /// The project.
        name: String,
        /// The pages that were asked for.
        asked: String,
    },
    /// A file that the lock names is on none of its sources' pages any more.
    #[error("{file} is not there any more; looked at {asked}")]
    #[diagnostic(help("run `envlock resolve`, or name a mirror that has it: --index NAME=URL"))]
    Gone {
        /// The wheel.
        file: String,
        /// The pages that were asked for.
        asked: String,
    },
    /// A wheel that cannot be read.
    #[error("{url} cannot be used: {why}")]
    Wheel {
        /// The wheel.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// Bytes that are not what the index or the lock promised.
    #[error("{url} has sha256 {found}, but {promised_by} says {expected}")]
    #[diagnostic(help(
        "the file or the statement was changed; do not use it before you know which"
    ))]
    Hash {
        /// The file.
        url: Box<Url>,
        /// Who promised.
        promised_by: &'static str,
        /// What was promised.
        expected: Sha256,
        /// What the bytes, or the other statement, have.
        found: Sha256,
    },
    /// A file of another length than stated.
    #[error("{url} has {found} bytes, but its index says {expected}")]
    Size {
        /// The file.
        url: Url,
        /// What the index says.
        expected: u64,
        /// What the server has.
        found: u64,
    },
    /// PyPI's address is nowhere to be found.
    #[error("the address of the package index `pypi` is not set; looked at {looked_at}")]
    #[diagnostic(help(
        "set UV_DEFAULT_INDEX or PIP_INDEX_URL, or sources.pypi.url in envlock.toml, or pass --index pypi=URL"
    ))]
    NoAddress {
        /// The places.
        looked_at: String,
    },
    /// A setting that cannot be read.
    #[error("{place}: {why}")]
    Setting {
        /// The variable or file.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The disk failed.
    #[error("a temporary file for {url} cannot be used: {why}")]
    Disk {
        /// What was being read.
        url: Url,
        /// The operating system's words.
        why: String,
    },
}

impl Error {
    pub(super) fn page(url: &Url, bad: &BadPage) -> Self {
        Error::NotAPage { url: net::redacted(url), why: bad.to_string() }
    }
    pub(super) fn zip(url: &Url, bad: &BadZip) -> Self {
        Error::Wheel { url: net::redacted(url), why: bad.to_string() }
    }
    pub(super) fn disk(url: &Url, error: &std::io::Error) -> Self {
        Error::Disk { url: net::redacted(url), why: error.to_string() }
    }
    pub(super) fn answer(url: &Url, why: impl Into<String>) -> Self {
        Error::Answer { url: net::redacted(url), why: why.into() }
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Net(_)
            | Error::NotAPage { .. }
            | Error::Answer { .. }
            | Error::NotFound { .. }
            | Error::Gone { .. } => Exit::Network,
            Error::Wheel { .. } | Error::Hash { .. } | Error::Size { .. } => Exit::Integrity,
            Error::NoAddress { .. } | Error::Setting { .. } => Exit::Usage,
            Error::Disk { .. } => Exit::Failed,
        }
    }
}
