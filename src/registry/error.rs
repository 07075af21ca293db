//! What can go wrong between us and a registry. Every message names the reference and the host.

use miette::Diagnostic;
use reqwest::StatusCode;
use thiserror::Error;

use super::advice;
use crate::digest::Digest;
use crate::exit::{Classified, Exit};
use crate::platform::Platform;
use crate::reference::BadReference;
use crate::store;

/// A registry that did not do what was asked.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Text that is no image reference.
    #[error(transparent)]
    #[diagnostic(help("write it as HOST/NAME:TAG, for example docker.io/library/ubuntu:24.04"))]
    Reference(#[from] BadReference),
    /// No answer at all.
    #[error("{reference}: the registry {host} cannot be reached")]
    #[diagnostic(help(
        "check the network, the proxy settings (HTTPS_PROXY) and the certificates (SSL_CERT_FILE); \
         a mirror can be named in envlock.toml: [registry] mirrors = {{ \"{host}\" = \"HOST\" }}"
    ))]
    Unreachable {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
        /// Why there was no answer.
        #[source]
        source: http_retry::Error,
    },
    /// It wants to be left alone for longer than this run waits.
    #[error("{reference}: {busy}")]
    #[diagnostic(help(
        "run the same command again after that time, blobs that arrived are not sent again; `[network] patience` in \
         envlock.toml says how long a run waits in all"
    ))]
    Busy {
        /// What was asked for.
        reference: String,
        /// The wait that was asked for.
        busy: http_retry::Error,
    },
    /// 401 or 403.
    #[error("{reference}: {host} refuses access ({status}) {with}{detail}")]
    #[diagnostic(help(
        "run `docker login {host}`, and check that the repository exists and this account may use it"
    ))]
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
    #[diagnostic(help("run `docker login {host}` again, or repair config.json in ~/.docker"))]
    Credentials {
        /// Whose.
        host: String,
        /// Why, without any secret.
        cause: String,
    },
    /// No such tag, digest or repository.
    #[error("{reference} is not in the registry {host}")]
    #[diagnostic(help("check the name and the tag; a retention job may have deleted it"))]
    NotFound {
        /// What was asked for.
        reference: String,
        /// Which host was asked.
        host: String,
    },
    /// A manifest whose blob is gone.
    #[error("{reference}: {host} has the manifest, and not its blob {digest}")]
    #[diagnostic(help("the image cannot be pulled any more; push it again"))]
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
    #[diagnostic(help("{}", advice::of(*.status)))]
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
    /// A repository that has to be made before something is pushed to it.
    #[error("{reference}: {host} has no repository {repository}{detail}")]
    #[diagnostic(help("create it first, and run the same command again: {}", advice::creation(.host, .repository)))]
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
    /// The image exists, and not for the platform.
    #[error("{reference} has no image for {wanted}, only for {found}")]
    #[diagnostic(help("name another base image in envlock.toml"))]
    NoPlatform {
        /// The image.
        reference: String,
        /// `linux/amd64`
        wanted: Platform,
        /// What there is.
        found: String,
    },
    /// Bytes or headers that contradict a digest or size.
    #[error("{reference}: {what} from {host} is {got}, expected {expected}")]
    #[diagnostic(help(
        "do not use this image; push it again, or ask who runs the registry or mirror"
    ))]
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
    #[diagnostic(help("only OCI and Docker schema 2 images are understood"))]
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
    /// Something that was to lie beside an image, and that its registry takes in no way.
    #[error("{reference}: {host} keeps nothing beside images: {said}")]
    #[diagnostic(help(
        "records = \"auto\" under [release] in envlock.toml makes releases without what the registry does not keep"
    ))]
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
    #[diagnostic(help(
        "run the same command again: blobs that arrived are not sent again. Where several registries \
         stand behind one address, each client must stay with one of them"
    ))]
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
    /// A blob of ours that gives no bytes.
    #[error("the blob {digest} cannot be read")]
    #[diagnostic(help("a file it is made of is gone or cut; build again"))]
    Blob {
        /// Which.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A blob of ours that gives other bytes than when it was hashed.
    #[error("the blob {digest} now has the digest {got}: a file it is made of was changed")]
    #[diagnostic(help("nothing of it was published; run the same command again"))]
    Changed {
        /// What it was.
        digest: Digest,
        /// What it is.
        got: Digest,
    },
    /// What was learned cannot be kept.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// A request that got no answer that counts.
    pub(super) fn net(reference: &str, host: &str, source: http_retry::Error) -> Self {
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
    pub(super) fn said(&self) -> String {
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

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Reference(_) => Exit::Usage,
            Error::Unreachable { .. } => Exit::Network,
            Error::Integrity { .. } | Error::Changed { .. } => Exit::Integrity,
            Error::Blob { .. } => Exit::Failed,
            Error::Store(error) => error.exit(),
            _ => Exit::Registry,
        }
    }
}
