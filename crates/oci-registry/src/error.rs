//! Errors of registries. Every message names the reference and the host.

use oci_digest::Digest;
use reqwest::StatusCode;
use thiserror::Error;

/// A request to a registry that failed.
#[derive(Debug, Error)]
pub enum Error {
    /// No answer at all.
    #[error("{reference}: the registry {host} cannot be reached")]
    Unreachable {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
        /// Why there was no answer.
        #[source]
        source: http_retry::Error,
    },
    /// It asks for a longer wait than this run allows.
    #[error("{reference}: {busy}")]
    Busy {
        /// What was asked for.
        reference: String,
        /// The wait that was asked for.
        busy: http_retry::Error,
    },
    /// 401 or 403.
    #[error("{reference}: {host} refuses access ({status}) {with}{detail}")]
    Unauthorized {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
        /// What it answered.
        status: StatusCode,
        /// "without credentials", or where they came from.
        with: String,
        /// What the registry said about it, after a colon; may be empty.
        detail: String,
    },
    /// The docker config or a credential helper does not work.
    #[error("the credentials for {host} cannot be read: {cause}")]
    Credentials {
        /// Whose.
        host: String,
        /// Why, without any secret.
        cause: String,
    },
    /// No such tag, digest or repository.
    #[error("{reference} is not in the registry {host}")]
    NotFound {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
    },
    /// A manifest whose blob is gone.
    #[error("{reference}: {host} has the manifest, and not its blob {digest}")]
    MissingBlob {
        /// The image.
        reference: String,
        /// Which host was asked.
        host: String,
        /// The config or layer.
        digest: Digest,
    },
    /// Any other answer.
    #[error("{reference}: {host} answered {status}{detail}")]
    Status {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
        /// What it answered.
        status: StatusCode,
        /// What the registry said about it, after a colon; may be empty.
        detail: String,
    },
    /// A repository that must be created before a push.
    #[error("{reference}: {host} has no repository {repository}{detail}")]
    NoRepository {
        /// What was to be sent.
        reference: String,
        /// Which host was asked.
        host: String,
        /// The repository there.
        repository: String,
        /// What the registry said about it, after a colon; may be empty.
        detail: String,
    },
    /// Bytes or headers that contradict a digest or size.
    #[error("{reference}: {what} from {host} is {got}, expected {expected}")]
    Integrity {
        /// The image.
        reference: Box<str>,
        /// Which host answered.
        host: Box<str>,
        /// "the manifest", "the layer sha256:…".
        what: Box<str>,
        /// The digest or size promised.
        expected: Box<str>,
        /// The digest or size found.
        got: Box<str>,
    },
    /// An answer that cannot be understood.
    #[error("{reference}: {what} from {host} cannot be read: {cause}")]
    Malformed {
        /// The image.
        reference: String,
        /// Which host answered.
        host: String,
        /// "the manifest", "the layer sha256:…".
        what: String,
        /// Why.
        cause: String,
    },
    /// An artifact for an image that its registry cannot store in any way.
    #[error("{reference}: {host} keeps nothing beside images: {said}")]
    NotKept {
        /// The image.
        reference: String,
        /// Which host was asked.
        host: String,
        /// What it answered.
        said: String,
    },
    /// A registry that forgets uploads before they end.
    #[error("{reference}: {host} lost the upload {times} times, the last time after {sent} bytes")]
    SessionLost {
        /// The blob and where it goes.
        reference: String,
        /// Which host was asked.
        host: String,
        /// How often.
        times: u32,
        /// Bytes that it had of the last upload.
        sent: u64,
    },
    /// A blob whose bytes cannot be read.
    #[error("the blob {digest} cannot be read")]
    Blob {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A blob that has other bytes than when it was hashed.
    #[error("the blob {digest} now has the digest {got}: a file it is made of was changed")]
    Changed {
        /// What it was.
        digest: Digest,
        /// What it is.
        got: Digest,
    },
}

impl Error {
    /// A request that got no answer that counts.
    pub(crate) fn net(reference: &str, host: &str, source: http_retry::Error) -> Self {
        let (reference, host) = (reference.to_owned(), host.to_owned());
        match source {
            busy @ http_retry::Error::Patience { .. } => Error::Busy { reference, busy },
            source => Error::Unreachable { reference, host, source },
        }
    }

    /// Whether the registry said no: asked again, it says so again.
    pub fn is_refusal(&self) -> bool {
        match self {
            Error::Unauthorized { .. } | Error::NoRepository { .. } | Error::NotKept { .. } => true,
            Error::Status { status, .. } => {
                let passing = [
                    StatusCode::REQUEST_TIMEOUT,
                    StatusCode::TOO_EARLY,
                    StatusCode::TOO_MANY_REQUESTS,
                ];
                status.is_client_error() && !passing.contains(status)
                    || *status == StatusCode::NOT_IMPLEMENTED
            }
            _ => false,
        }
    }

    /// What the registry answered, without what it was asked for.
    pub fn answer(&self) -> String {
        match self {
            Error::Unauthorized { status, detail, .. } | Error::Status { status, detail, .. } => {
                format!("{status}{detail}")
            }
            Error::NotKept { said, .. } => said.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the registry gave no answer at all, so that nothing is known about the image.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Error::Unreachable { .. })
    }
}

/// What may not be read is not known, which is no reason not to write it: some registries answer 401 or 403 about what
/// is not there.
pub(crate) fn if_readable<T>(asked: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match asked {
        Err(Error::Unauthorized { .. }) => Ok(None),
        answer => answer,
    }
}
