//! Why a lock cannot become images.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::spec::{GroupName, ImageName};

/// A plan that cannot be made.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Building it would choose something.
    #[error("the lock is not complete: {}", .0.join("; "))]
    #[diagnostic(help("run `envlock resolve` where the missing source can be reached"))]
    Unpinned(Vec<String>),
    /// The spec moved on.
    #[error("the lock does not answer the spec: {}", .0.join("; "))]
    #[diagnostic(help(
        "run `envlock resolve`, or give the same --index and --without that the lock was made with"
    ))]
    Stale(Vec<String>),
    /// The command line names an image that the spec does not have.
    #[error("there is no image `{image}` (images: {known})")]
    NoImage {
        /// What was asked for.
        image: ImageName,
        /// What there is.
        known: String,
    },
    /// The spec has an image that the Dockerfile has no stage for.
    #[error("{dockerfile} has no stage `{image}` (stages: {known})")]
    #[diagnostic(help(
        "name the image after a stage, or add the stage to the project's Dockerfile"
    ))]
    NoStage {
        /// The Dockerfile, as people know it.
        dockerfile: String,
        /// The image.
        image: ImageName,
        /// The stages it has.
        known: String,
    },
    /// The stage would make an image without some of its packages.
    #[error("the stage `{image}` of {dockerfile} does not install the group `{group}`")]
    #[diagnostic(help(
        "put its packages into another group, or add a step with `group.sh {group}` to the project's Dockerfile"
    ))]
    NoStep {
        /// The Dockerfile, as people know it.
        dockerfile: String,
        /// The image.
        image: ImageName,
        /// The group of the lock that it needs.
        group: GroupName,
    },
    /// The wheels are installed by a locked pip.
    #[error("the lock has no pip in the group `python`: the images install their wheels with it")]
    #[diagnostic(help("add packages = [\"pip\"] to [groups.python] and run `envlock resolve`"))]
    NoPip,
    /// `--registry` or `registry.destination` is not a place for images.
    #[error("`{text}` is not a place for images: {cause}")]
    #[diagnostic(help("write HOST[:PORT][/PREFIX], for example ghcr.io/team or 127.0.0.1:5000"))]
    Destination {
        /// What was written.
        text: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Unpinned(_) | Error::Stale(_) => Exit::LockStale,
            Error::NoPip
            | Error::NoImage { .. }
            | Error::NoStage { .. }
            | Error::NoStep { .. }
            | Error::Destination { .. } => Exit::Usage,
        }
    }
}
