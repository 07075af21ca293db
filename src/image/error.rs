//! Errors of planning images.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::login::masked;
use crate::spec::{GroupName, ImageName};

/// A plan that cannot be made.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The lock is not complete: a build would have to choose something.
    #[error("the lock is not complete: {}", .0.join("; "))]
    #[diagnostic(help("run `envlock resolve` where the missing source can be reached"))]
    Unpinned(Vec<String>),
    /// The spec changed since the lock was made.
    #[error("the lock does not match the spec: {}", .0.join("; "))]
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
        "build with --engine layers, which needs no stage; or name the image after one, or add one to the project's Dockerfile"
    ))]
    NoStage {
        /// The Dockerfile, as messages name it.
        dockerfile: String,
        /// The image.
        image: ImageName,
        /// The stages it has.
        known: String,
    },
    /// The stage would make an image without some of its packages.
    #[error("the stage `{image}` of {dockerfile} does not install the group `{group}`")]
    #[diagnostic(help(
        "build with --engine layers, which needs no such step; or put its packages into another group, or add `group.sh {group}` to the project's Dockerfile"
    ))]
    NoStep {
        /// The Dockerfile, as messages name it.
        dockerfile: String,
        /// The image.
        image: ImageName,
        /// The group of the lock that it needs.
        group: GroupName,
    },
    /// In a Dockerfile the wheels are installed by a locked pip.
    #[error("the lock has no pip in the group `python`: a Dockerfile installs the wheels with it")]
    #[diagnostic(help(
        "build with --engine layers, which needs none; or add packages = [\"pip\"] to [groups.python] and run `envlock resolve`"
    ))]
    NoPip,
    /// Only the `layers` engine adds them.
    #[error("the lock has system packages, which only the layers engine adds")]
    #[diagnostic(help(
        "build with --engine layers; or take them out of envlock.toml ([system], and `system` of groups and images), run \
         `envlock resolve`, and install them in the base image or the Dockerfile"
    ))]
    SystemPackages,
    /// They were chosen for what the runtime base has.
    #[error(
        "{image} is not on the runtime base image, for which the lock's system packages were chosen"
    )]
    #[diagnostic(help(
        "set the same image as `runtime` and `devel` under [base]; or take the system packages out of envlock.toml and install them in \
         the base images"
    ))]
    OtherBase {
        /// The image.
        image: ImageName,
    },
    /// The Dockerfile has instructions that the `layers` engine cannot carry out.
    #[error("the stage `{image}` of {dockerfile} has instructions that the layers engine cannot carry out:{}", listed(.instructions))]
    #[diagnostic(help("build with --engine dockerfile, or put it into the base image"))]
    Foreign {
        /// The Dockerfile, as messages name it.
        dockerfile: String,
        /// The image.
        image: ImageName,
        /// The instructions, a line each.
        instructions: Vec<String>,
    },
    /// A base image that cannot be continued without BuildKit.
    #[error("the base image {base} cannot be built on: {cause}")]
    #[diagnostic(help("use another base image"))]
    Base {
        /// The image.
        base: String,
        /// Why not.
        cause: String,
    },
    /// More layers than can be stacked.
    #[error("{image} would have {count} layers, at most {most} can be stacked")]
    #[diagnostic(help("put packages into fewer groups, or use a base image with fewer layers"))]
    ManyLayers {
        /// The image.
        image: ImageName,
        /// How many there would be.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// Registries refuse such a layer.
    #[error("the layer {name} would have {size} bytes, registries take at most {most} in one")]
    #[diagnostic(help("use a smaller build of the package, or leave it out"))]
    BigLayer {
        /// The layer, as messages name it.
        name: String,
        /// Its bytes.
        size: u64,
        /// What is allowed.
        most: u64,
    },
    /// An image is bigger than the spec allows.
    #[error(
        "{image} would take {size} on a disk, its max-size is {most} ({parts}); the biggest wheels, unpacked:{}{}",
        listed(.biggest),
        if grown.is_empty() { String::new() } else { format!("\nwhat grew since the last release:{}", listed(.grown)) }
    )]
    #[diagnostic(help(
        "leave out what is not needed, use a smaller base image, or raise max-size under [images.{image}] in envlock.toml"
    ))]
    OverBudget {
        /// The image.
        image: ImageName,
        /// Its size.
        size: String,
        /// Its limit.
        most: String,
        /// The size by part.
        parts: String,
        /// The biggest wheels, a line each.
        biggest: Vec<String>,
        /// What grew since an earlier release, a line each.
        grown: Vec<String>,
    },
    /// `--registry` or `registry.destination` is not a place for images.
    #[error("`{}` is not a place for images: {}", masked(.text), masked(.cause))]
    #[diagnostic(help("write HOST[:PORT][/PREFIX], for example ghcr.io/team or 127.0.0.1:5000"))]
    Destination {
        /// What was written.
        text: String,
        /// What is wrong with it.
        cause: String,
    },
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Unpinned(_) | Error::Stale(_) => Exit::LockStale,
            Error::Foreign { .. }
            | Error::Base { .. }
            | Error::OverBudget { .. }
            | Error::ManyLayers { .. }
            | Error::BigLayer { .. } => Exit::Build,
            Error::NoPip
            | Error::SystemPackages
            | Error::OtherBase { .. }
            | Error::NoImage { .. }
            | Error::NoStage { .. }
            | Error::NoStep { .. }
            | Error::Destination { .. } => Exit::Usage,
        }
    }
}
