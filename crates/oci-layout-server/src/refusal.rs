//! Requests that are refused, with the spec's codes.

use std::ops::Range;

use camino::Utf8PathBuf;
use hyper::StatusCode;
use oci_spec::distribution::ErrorCode;

use crate::{Error, Repository};

/// Why a request is refused. Only [`Refusal::Broken`] is not the client's fault.
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
    /// It is only in an attached layout, which is not written.
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
    /// Another request, or another process, is writing to the upload.
    #[error("another request writes to this upload")]
    Busy,
    /// The requested bytes are beyond the end of the blob.
    #[error("the blob has {0} bytes")]
    Range(u64),
    /// What this registry does not do, and why.
    #[error("{0}")]
    Unsupported(String),
    /// From a web page.
    #[error("requests from web pages are not answered")]
    Page,
    /// To a host that is not a name of this registry; how to make it one.
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
    /// The status of the answer and the code in its body. The spec has no code for a failure of the registry's own.
    pub(crate) fn code(&self) -> (StatusCode, Option<ErrorCode>) {
        use ErrorCode as C;
        use StatusCode as S;
        let (status, code) = match self {
            Refusal::Name(_) => (S::BAD_REQUEST, C::NameInvalid),
            Refusal::NoRepository(_) => (S::NOT_FOUND, C::NameUnknown),
            Refusal::NoManifest(..) | Refusal::Elsewhere(..) => (S::NOT_FOUND, C::ManifestUnknown),
            Refusal::NoBlob(..) => (S::NOT_FOUND, C::BlobUnknown),
            Refusal::Digest(_) => (S::BAD_REQUEST, C::DigestInvalid),
            Refusal::Manifest(_) => (S::BAD_REQUEST, C::ManifestInvalid),
            Refusal::TooLong(_) => (S::PAYLOAD_TOO_LARGE, C::ManifestInvalid),
            Refusal::Incomplete(_) => (S::BAD_REQUEST, C::ManifestBlobUnknown),
            Refusal::NoUpload(_) => (S::NOT_FOUND, C::BlobUploadUnknown),
            Refusal::Upload(_) | Refusal::Cut => (S::BAD_REQUEST, C::BlobUploadInvalid),
            Refusal::OutOfOrder { .. } => (S::RANGE_NOT_SATISFIABLE, C::BlobUploadInvalid),
            Refusal::Busy => (S::TOO_MANY_REQUESTS, C::TooManyRequests),
            Refusal::Range(_) => (S::RANGE_NOT_SATISFIABLE, C::SizeInvalid),
            Refusal::Unsupported(_) => (S::METHOD_NOT_ALLOWED, C::Unsupported),
            Refusal::Page => (S::FORBIDDEN, C::Denied),
            Refusal::Host(..) => (S::MISDIRECTED_REQUEST, C::Denied),
            Refusal::Parameter(_) => (S::BAD_REQUEST, C::Unsupported),
            Refusal::NoRoute => (S::NOT_FOUND, C::Unsupported),
            Refusal::Broken(error) if error.is_lasting() => return (S::INSUFFICIENT_STORAGE, None),
            Refusal::Broken(_) => return (S::INTERNAL_SERVER_ERROR, None),
        };
        (status, Some(code))
    }
}
