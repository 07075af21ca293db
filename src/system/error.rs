//! Why system packages cannot be chosen.

use apt_solver::{BadPackages, BadStatus, Refusal};
use miette::Diagnostic;
use thiserror::Error;

use super::distribution::UnknownDistribution;
use crate::exit::{Classified, Exit};

/// System packages that cannot be chosen.
#[derive(Debug, Error, Diagnostic)]
pub enum ChoiceError {
    /// The packages do not go together, or there are none of these names.
    #[error("the system packages cannot be chosen: {0}")]
    #[diagnostic(help(
        "change [system] packages in envlock.toml, or `system` of a group or an image"
    ))]
    Refused(#[from] Refusal),
    /// A list of packages that is none, although it was signed.
    #[error(transparent)]
    Packages(#[from] BadPackages),
    /// The base's dpkg status is none.
    #[error("the base image's dpkg status: {0}")]
    #[diagnostic(help(
        "look at /var/lib/dpkg/status in the base image; another base image may be better"
    ))]
    Status(#[from] BadStatus),
    /// A package of the archive lacks what a lock must have.
    #[error("{package} has no usable {field} in its archive's list of packages")]
    Field {
        /// The package.
        package: String,
        /// The field.
        field: &'static str,
    },
    /// An image needs another version than an image below it has.
    #[error("{image} needs {package} {version}, and an image below it has {below}")]
    #[diagnostic(help("ask for the same version in both, or ask for it in [system] packages"))]
    Differs {
        /// The package.
        package: String,
        /// The image.
        image: String,
        /// What it needs.
        version: String,
        /// What is there.
        below: String,
    },
    /// The base image is of no distribution that is known.
    #[error("system packages cannot be added to the base image {base}: {why}")]
    #[diagnostic(help(
        "take a base image of Debian or Ubuntu, or take the packages out of envlock.toml ([system], and `system` of groups and images)"
    ))]
    Base {
        /// The image.
        base: String,
        /// What it is, or lacks.
        why: String,
    },
}

impl From<UnknownDistribution> for ChoiceError {
    fn from(unknown: UnknownDistribution) -> Self {
        ChoiceError::Base { base: String::new(), why: unknown.to_string() }
    }
}

impl Classified for ChoiceError {
    fn exit(&self) -> Exit {
        match self {
            ChoiceError::Refused(_) | ChoiceError::Differs { .. } => Exit::Unsatisfiable,
            ChoiceError::Packages(_) | ChoiceError::Field { .. } => Exit::Integrity,
            ChoiceError::Status(_) | ChoiceError::Base { .. } => Exit::Usage,
        }
    }
}
