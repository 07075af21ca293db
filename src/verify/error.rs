//! Errors that keep images from being checked.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};

/// Containers cannot be run. A problem of an image is not an error, but a [`super::checks::Check`].
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Neither docker nor podman can run containers.
    #[error("no containers can be run here: {detail}")]
    #[diagnostic(help(
        "start a Docker engine (DOCKER_HOST is respected) or install podman; --runtime names one of them. \
         `verify --supply` needs neither"
    ))]
    NoRuntime {
        /// Why neither can.
        detail: String,
    },
    /// A program that was there does not start.
    #[error("{program} cannot be started")]
    #[diagnostic(help("check that it is on PATH and executable"))]
    Program {
        /// `docker`
        program: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A network of containers cannot be made.
    #[error("{program} cannot create a network: {detail}")]
    #[diagnostic(help(
        "Ray's client is checked over a network of its own; `--only` leaves that check out"
    ))]
    Network {
        /// `docker`
        program: &'static str,
        /// What it said.
        detail: String,
    },
    /// Ctrl-C, or a request to end.
    #[error("interrupted; the containers of this run are removed")]
    #[diagnostic(help("nothing was written"))]
    Interrupted,
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
