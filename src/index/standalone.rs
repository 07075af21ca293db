//! Pins CPython from python-build-standalone's releases, or a mirror of them. The edge; what its
//! files say is read by [`super::standalone_release`].

use miette::Diagnostic;
use pep440_rs::Version;
use reqwest::header::HeaderMap;
use thiserror::Error;
use url::Url;

use super::standalone_release::{Latest, archives, newest};
use crate::exit::{Classified, Exit};
use crate::lock::PythonArchive;
use crate::net;
use crate::spec::PythonRequest;

/// Where the project publishes which release is the newest, without GitHub's rate-limited API.
const LATEST: &str =
    "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/";

/// Below it: `TAG/SHA256SUMS` and `TAG/FILE`.
const RELEASES: &str = "https://github.com/astral-sh/python-build-standalone/releases/download/";

/// An interpreter that cannot be pinned.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The releases cannot be reached.
    #[error("python-build-standalone's releases cannot be read")]
    #[diagnostic(help(
        "name a mirror in envlock.toml ([python] mirror = \"https://…\", with latest-release.json \
         and TAG/SHA256SUMS below it), or take the base image's own: [python] source = \"base\""
    ))]
    Net(#[source] net::Error),
    /// A file there is not what it should be.
    #[error("{url} cannot be read: {cause}")]
    #[diagnostic(help(
        "if this is a mirror, copy the file again; the project's layout is expected"
    ))]
    Malformed {
        /// The file.
        url: Box<Url>,
