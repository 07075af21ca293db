//! Errors of a layout and its server, apart from refused requests.

use std::io::ErrorKind;
use std::net::SocketAddr;

use camino::Utf8PathBuf;

use crate::disk;

/// An error of a layout or server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken, or the address is not this machine's.
    #[error("nothing can listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// An address that other machines reach, without permission: there is neither TLS nor a login.
    #[error(
        "{0} can be reached from other machines, and this registry has neither TLS nor a login"
    )]
    NotLoopback(SocketAddr),
    /// A folder with other files in it.
    #[error("{0} is not an image layout: it has files, and no `oci-layout`")]
    NotALayout(Utf8PathBuf),
    /// No layout, where one was expected.
    #[error("there is no image layout in {0}")]
    Absent(Utf8PathBuf),
    /// A file of the layout that cannot be understood.
    #[error("{path} cannot be read: {cause}")]
    Malformed {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        cause: String,
    },
    /// The disk.
    #[error("{what} {path} failed{}", disk::free_space(path, source))]
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
    /// Whether another process uses the address.
    pub fn is_taken(&self) -> bool {
        matches!(self, Error::Listen { source, .. } if source.kind() == ErrorKind::AddrInUse)
    }

    /// Whether trying again changes nothing, because the disk takes no more: such requests are answered with 507, all
    /// other errors of this type with 500.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Error::Io { source, .. } if disk::is_lasting(source))
    }

    /// A function for `map_err`.
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { what, path, source }
    }
}
