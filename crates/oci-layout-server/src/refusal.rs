//! Requests that are refused, with the spec's codes.

use std::ops::Range;

use camino::Utf8PathBuf;
use hyper::StatusCode;

use crate::{Error, Repository};

/// Why a request is not done. Everything but [`Refusal::Broken`] is the client's to mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A repository name that the spec does not allow.
    #[error("`{0}` is not a repository name")]
    Name(String),
    /// Nothing was ever pushed there.
    #[error("the repository {0} is not known")]
    NoRepository(Repository),
    /// No such manifest in this repository.
    #[error("{0} has no manifest {1}")]
    NoManifest(Repository, String),
    /// It is only in a layout that is served beside ours.
    #[error("{0} has {1} in {2} only, where nothing is changed")]
    Elsewhere(Repository, String, Utf8PathBuf),
    /// No such blob in this repository.
    #[error("{0} has no blob {1}")]
    NoBlob(Repository, String),
    /// Not a digest as the spec writes it, or not the digest of the bytes.
    #[error("{0}")]
    Digest(String),
    /// A manifest that cannot be taken.
    #[error("{0}")]
    Manifest(String),
    /// Longer than a manifest may be.
    #[error("a manifest may have {0} bytes")]
    TooLong(usize),
    /// A manifest names what is not there.
    #[error("{0}")]
    Incomplete(String),
    /// An upload that never began, or is over.
    #[error("the upload {0} is not known")]
    NoUpload(String),
    /// The request does not fit to the upload.
    #[error("{0}")]
    Upload(String),
    /// A chunk that does not begin where the last one ended.
    #[error("the next byte of this upload is {length}, and the chunk begins at {}", .chunk.start)]
    OutOfOrder {
        /// The upload's address, for the next attempt.
        location: String,
        /// Bytes that are there.
        length: u64,
        /// What was sent.
        chunk: Range<u64>,
    },
    /// Another request, or another process, has the upload in hand.
    #[error("another request writes to this upload")]
    Busy,
    /// The bytes wanted are beyond the end of the blob.
    #[error("the blob has {0} bytes")]
    Range(u64),
    /// What this registry does not do, and why.
    #[error("{0}")]
    Unsupported(String),
    /// From a web page.
    #[error("requests from web pages are not answered")]
    Page,
    /// To a host that is none of ours.
    #[error("`{0}` is not a name of this registry: use the address it listens on{1}")]
    Host(String, &'static str),
    /// A parameter that cannot be read.
    #[error("{0}")]
    Parameter(String),
    /// No such address.
    #[error("there is nothing at this address; the API is below /v2/")]
    NoRoute,
    /// The client went away while it was sending.
    #[error("the connection broke off")]
    Cut,
    /// The disk, or a layout that was damaged.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl Refusal {
    /// The status of the answer and the code in its body.
    pub(crate) fn code(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Refusal::Name(_) => (S::BAD_REQUEST, "NAME_INVALID"),
            Refusal::NoRepository(_) => (S::NOT_FOUND, "NAME_UNKNOWN"),
            Refusal::NoManifest(..) | Refusal::Elsewhere(..) => (S::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Refusal::NoBlob(..) => (S::NOT_FOUND, "BLOB_UNKNOWN"),
            Refusal::Digest(_) => (S::BAD_REQUEST, "DIGEST_INVALID"),
            Refusal::Manifest(_) => (S::BAD_REQUEST, "MANIFEST_INVALID"),
            Refusal::TooLong(_) => (S::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            Refusal::Incomplete(_) => (S::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            Refusal::NoUpload(_) => (S::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Refusal::Upload(_) | Refusal::Cut => (S::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Refusal::OutOfOrder { .. } => (S::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            Refusal::Busy => (S::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            Refusal::Range(_) => (S::RANGE_NOT_SATISFIABLE, "SIZE_INVALID"),
            Refusal::Unsupported(_) => (S::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Refusal::Page => (S::FORBIDDEN, "DENIED"),
            Refusal::Host(..) => (S::MISDIRECTED_REQUEST, "DENIED"),
            Refusal::Parameter(_) => (S::BAD_REQUEST, "UNSUPPORTED"),
            Refusal::NoRoute => (S::NOT_FOUND, "UNSUPPORTED"),
            Refusal::Broken(error) if error.is_lasting() => (S::INSUFFICIENT_STORAGE, "UNKNOWN"),
            Refusal::Broken(_) => (S::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        }
    }
}
