//! What can go wrong with the layout and its server, apart from requests that are refused.

use std::io::ErrorKind;
use std::net::SocketAddr;

use camino::Utf8PathBuf;
use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::room;

/// A layout or server that does not work.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// No folder for the user's registry.
    #[error("there is no folder for the registry: this user has no home")]
    #[diagnostic(help("set ENVLOCK_REGISTRY_FOLDER to a folder"))]
    NoHome,
    /// The port is taken, or the address is not this machine's.
    #[error("nothing can listen on {address}")]
    #[diagnostic(help(
        "stop what listens there, or choose another port: --listen for `envlock serve`, `port` under [registry] in envlock.toml for a project"
    ))]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is neither TLS nor a login.
    #[error(
        "{0} can be reached from other machines, and this registry has neither TLS nor a login"
    )]
    #[diagnostic(help(
        "listen on 127.0.0.1, or say --insecure when everybody who reaches the port may read and change the images"
    ))]
    NotLoopback(SocketAddr),
    /// A folder with other things in it.
    #[error("{0} is not an image layout: it has files, and no `oci-layout`")]
    #[diagnostic(help("name an empty folder, or one that envlock made"))]
    NotALayout(Utf8PathBuf),
    /// Nothing to serve.
    #[error("{0} does not exist, and may not be made with --read-only")]
    #[diagnostic(help("push something first: `envlock build --push`"))]
    Absent(Utf8PathBuf),
    /// A file of the layout that cannot be understood.
    #[error("{path} cannot be read: {cause}")]
    #[diagnostic(help(
        "move it away and push the images again; the blobs in the folder are taken as they are"
    ))]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        cause: String,
    },
    /// The disk.
    #[error("{what} {path} failed{}", room::left(path, source))]
    #[diagnostic(help("check free space and permissions"))]
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

impl Error {
    /// Whether somebody else has the address.
    pub fn is_taken(&self) -> bool {
        matches!(self, Error::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse)
    }

    /// Whether trying again changes nothing: the disk takes no more.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Error::Io { source, .. } if room::is_lasting(source))
    }

    /// The shape `map_err` wants.
    pub(super) fn io(
        what: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { what, path, source }
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::NoHome | Error::NotLoopback(_) | Error::NotALayout(_) | Error::Absent(_) => {
                Exit::Usage
            }
            Error::Listen { .. } | Error::Io { .. } => Exit::Failed,
            Error::Malformed { .. } => Exit::Registry,
        }
    }
}
