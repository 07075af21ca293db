//! Errors of indexes, wheels and the settings for them.

use std::sync::Arc;

use jiff::Timestamp;
use miette::Diagnostic;
use pep508_rs::PackageName;
use reqwest::StatusCode;
use thiserror::Error;
use url::Url;
use wheel_layers::zip::BadZip;

use super::pages::page::BadPage;
use crate::digest::{Mismatch, Sha256};
use crate::exit::{Classified, Exit};
use crate::spec::SourceName;
use crate::{net, store};

/// An index, a wheel or a setting that cannot be used. Cloned where several wait for the same result.
#[derive(Debug, Clone, Error, Diagnostic)]
pub enum Error {
    /// A request failed after all retries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Net(#[from] net::Error),
    /// A response that is not a page of links.
    #[error("{url} is not an index page: {why}")]
    #[diagnostic(help("check the index address; a project page is INDEX/PROJECT/"))]
    NotAPage {
        /// The URL of the request.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// A response that HTTP does not allow.
    #[error("{url} gave an answer that cannot be used: {why}")]
    Answer {
        /// The URL of the request.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// No source has the project.
    #[error("no source has {name}; asked: {asked}")]
    #[diagnostic(help(
        "where another source has it: {name} = {{ index = [\"NAME\"] }} under [packages] holds wherever it is needed; \
         a private index may say 404 to those without a login: see ~/.netrc"
    ))]
    NotFound {
        /// The project.
        name: String,
        /// The pages that were requested.
        asked: String,
    },
    /// A source that did not say whether it has the project.
    #[error("{source_name} did not say whether it has {name}: {error}")]
    Unclear {
        /// The source.
        source_name: SourceName,
        /// The project.
        name: String,
        /// Its error.
        error: Box<Error>,
        /// What may help.
        #[help]
        advice: String,
    },
    /// Its index quarantined it (PEP 792).
    #[error("{name} is quarantined by {source_name}: its files are withheld{}{why}", if why.is_empty() { "" } else { ": " })]
    #[diagnostic(help("it may be malicious; see the project's page on the index"))]
    Quarantined {
        /// The project.
        name: String,
        /// The source.
        source_name: SourceName,
        /// The reason that its index gives.
        why: String,
    },
    /// A locked file that is not on any page of its sources.
    #[error("{file} is no longer there; looked at {asked}")]
    #[diagnostic(help("run `envlock resolve`, or name a mirror that has it: --index NAME=URL"))]
    Gone {
        /// The wheel.
        file: String,
        /// The pages that were requested.
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
    /// A wheel that cannot be installed.
    #[error("{url} would be refused by a build: {why}")]
    #[diagnostic(help("it was published like that; pin another version"))]
    Refused {
        /// The wheel.
        url: Url,
        /// What is wrong with it.
        why: String,
    },
    /// A sha256 that differs from the one in the index or the lock.
    #[error("{url} has sha256 {found}, but {promised_by} says {expected}")]
    #[diagnostic(help(
        "the file or the stated hash was changed; do not use the file before you know which"
    ))]
    Hash {
        /// The file.
        url: Box<Url>,
        /// What states the expected one.
        promised_by: &'static str,
        /// The expected one.
        expected: Sha256,
        /// That of the bytes, or of the other statement.
        found: Sha256,
    },
    /// A hash by another algorithm that differs from the one in the index.
    #[error("{url} has {mismatch} by the index page")]
    #[diagnostic(help(
        "the file or the stated hash was changed; do not use the file before you know which"
    ))]
    Stated {
        /// The file.
        url: Box<Url>,
        /// What is wrong.
        mismatch: Box<Mismatch>,
    },
    /// A file of another length than stated.
    #[error("{url} has {found} bytes, but its index says {expected}")]
    Size {
        /// The file.
        url: Url,
        /// As the index states.
        expected: u64,
        /// Of the file on the server.
        found: u64,
    },
    /// A file without an upload time, where there is a cut-off.
    #[error("the upload time of {url} is not known, so it may be from after {cut_off}")]
    #[diagnostic(help(
        "its index has no upload times and its server no Last-Modified; `exclude-newer = false` under [sources.NAME], or for it under [packages], exempts \
         what is yours; or take the package from another source, or leave out --exclude-newer"
    ))]
    NoTime {
        /// The file.
        url: Box<Url>,
        /// The cut-off.
        cut_off: Timestamp,
    },
    /// A file that was uploaded at the cut-off or later.
    #[error("{name} {version} was uploaded {at}, after the cut-off {cut_off}")]
    TooNew {
        /// The project.
        name: String,
        /// Its version.
        version: String,
        /// When it was uploaded.
        at: Timestamp,
        /// The cut-off.
        cut_off: Timestamp,
    },
    /// The store could not save a file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(Stored),
    /// The URL of PyPI is not configured.
    #[error("the address of the package index `pypi` is not set; looked at {looked_at}")]
    #[diagnostic(help(
        "pip's own is taken: install it (Debian, Ubuntu: `apt-get install python3-pip`; Fedora: `dnf install python3-pip`; \
         macOS: `brew install python`)\n\
         or set UV_DEFAULT_INDEX or PIP_INDEX_URL, or sources.pypi.url in envlock.toml, or pass --index pypi=URL"
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
    /// Something on this machine that a source names.
    #[error("{url} cannot be read: {why}")]
    #[diagnostic(help(
        "check that it exists: a path in envlock.toml is relative to the folder of that file"
    ))]
    Local {
        /// The file or folder.
        url: Url,
        /// The error of the operating system.
        why: String,
    },
    /// The disk failed.
    #[error("a temporary file for {url} cannot be used: {why}")]
    Disk {
        /// What was being read.
        url: Url,
        /// The error of the operating system.
        why: String,
    },
}

/// The store's error, shared by those who wait for the same file.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("{0}")]
#[diagnostic(forward(0))]
pub struct Stored(#[source] Arc<store::Error>);

impl From<http_retry::Error> for Error {
    fn from(error: http_retry::Error) -> Self {
        Error::Net(error.into())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Net(error) => Error::Net(error),
            other => Error::Store(Stored(Arc::new(other))),
        }
    }
}

impl Error {
    /// This error of a request for `name` to `source`; `next` is the source after it.
    pub(super) fn of(
        self,
        name: &PackageName,
        source: &SourceName,
        next: Option<&SourceName>,
    ) -> Self {
        let status = match &self {
            Error::Net(error) => match **error {
                http_retry::Error::Offline { .. } | http_retry::Error::Patience { .. } => {
                    return self;
                }
                _ => error.status(),
            },
            Error::NotAPage { .. } | Error::Answer { .. } | Error::Local { .. } => None,
            _ => return self,
        };
        let refused = matches!(status, Some(StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED));
        if next.is_none() && !refused {
            return self;
        }
        let own = Diagnostic::help(&self).map(|help| format!("{help}\n")).unwrap_or_default();
        let instead = next.map(|next| {
            format!(
                "{next} is not asked instead: its project of this name may be a different one\n"
            )
        });
        let says_so = status.filter(|_| refused).map(|status| {
            let code = status.as_u16();
            format!(
                "if {source} says {code} for what it does not have: ignore-error-codes = [{code}] under \
                 [sources.{source}]"
            )
        });
        let advice = own + &instead.unwrap_or_default() + &says_so.unwrap_or_default();
        Error::Unclear {
            source_name: source.clone(),
            name: name.to_string(),
            advice: advice.trim_end().to_owned(),
            error: Box::new(self),
        }
    }
    pub(super) fn page(url: &Url, bad: &BadPage) -> Self {
        Error::NotAPage { url: net::redacted(url), why: bad.to_string() }
    }
    pub(super) fn zip(url: &Url, bad: &BadZip) -> Self {
        Error::Wheel { url: net::redacted(url), why: bad.to_string() }
    }
    pub(super) fn disk(url: &Url, error: &std::io::Error) -> Self {
        Error::Disk { url: net::redacted(url), why: error.to_string() }
    }
    pub(super) fn local(url: &Url, why: impl ToString) -> Self {
        Error::Local { url: net::redacted(url), why: why.to_string() }
    }
    pub(super) fn stated(url: &Url, mismatch: Mismatch) -> Self {
        Error::Stated { url: net::redacted(url).into(), mismatch: mismatch.into() }
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
            | Error::Local { .. }
            | Error::NotFound { .. }
            | Error::Quarantined { .. }
            | Error::Gone { .. } => Exit::Network,
            Error::Stated { .. } => Exit::Integrity,
            Error::Wheel { .. }
            | Error::Refused { .. }
            | Error::Hash { .. }
            | Error::Size { .. } => Exit::Integrity,
            Error::NoAddress { .. } | Error::Setting { .. } => Exit::Usage,
            Error::NoTime { .. } | Error::TooNew { .. } => Exit::Unsatisfiable,
            Error::Store(Stored(error)) => error.exit(),
            Error::Unclear { error, .. } => error.exit(),
            Error::Disk { .. } => Exit::Failed,
        }
    }
}
