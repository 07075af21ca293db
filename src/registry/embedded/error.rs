//! Errors of the layout and its server, with exit codes and advice.

use std::fmt::Display;

use miette::Diagnostic;
use oci_layout_server::Error as Cause;

use crate::exit::{Classified, Exit, Failure};

/// An error of the user's own registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No folder for the user's registry.
    #[error("there is no folder for the registry: this user has no home folder")]
    NoHome,
    /// The layout or the server.
    #[error(transparent)]
    Registry(#[from] Cause),
}

impl Error {
    /// Whether another process uses the address.
    pub fn is_taken(&self) -> bool {
        matches!(self, Error::Registry(cause) if cause.is_taken())
    }
}

impl Diagnostic for Error {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(match self {
            Error::NoHome => "set ENVLOCK_REGISTRY_FOLDER to a folder",
            Error::Registry(Cause::Listen { .. }) => {
                "stop what listens there, or choose another port: --listen for `envlock serve`, `port` under [registry] \
                 in envlock.toml for a project"
            }
            Error::Registry(Cause::NotLoopback(_)) => {
                "listen on 127.0.0.1, or say --insecure when everybody who reaches the port may read and change the \
                 images"
            }
            Error::Registry(Cause::NotALayout(_)) => {
                "name an empty folder, or one that envlock made"
            }
            Error::Registry(Cause::Absent(_)) => {
                "push something first: `envlock build --push`; --read-only creates no layout"
            }
            Error::Registry(Cause::Malformed { .. }) => {
                "move it away and push the images again; the blobs in the folder are taken as they are"
            }
            Error::Registry(Cause::Io { .. }) => "check free space and permissions",
        }))
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::NoHome
            | Error::Registry(Cause::NotLoopback(_) | Cause::NotALayout(_) | Cause::Absent(_)) => {
                Exit::Usage
            }
            Error::Registry(Cause::Listen { .. } | Cause::Io { .. }) => Exit::Failed,
            Error::Registry(Cause::Malformed { .. }) => Exit::Registry,
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Error::from(cause).into()
    }
}
