//! Errors of kept releases.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::{registry, release};

/// A release that its registry does not keep or does not return.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The registry did not do what was asked.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] registry::Advised),
    /// The history does not allow it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] release::Error),
    /// Other runs take every number at the same time.
    #[error("release {number} was taken by another run at the same time, {times} times in a row")]
    #[diagnostic(help("no file was written; run again when the other releases are done"))]
    Crowded {
        /// The last number tried.
        number: u64,
        /// How often.
        times: u32,
    },
    /// No record of a release was found.
    #[error("no release is recorded in {places}")]
    #[diagnostic(help(
        "records are pushed by `build --push`; name the registry that has them with --registry HOST[/PREFIX], or set \
         destination under [registry] in envlock.toml"
    ))]
    NothingKept {
        /// The repositories that were looked at.
        places: String,
    },
    /// A record that contradicts itself.
    #[error("{record} is not the record of release {number}: {reason}")]
    #[diagnostic(help(
        "do not use it; delete that tag from the registry, or restore the file from git"
    ))]
    BadRecord {
        /// The artifact.
        record: String,
        /// Its number, by its tag.
        number: u64,
        /// Why.
        reason: String,
    },
    /// The registry refuses to delete.
    #[error("{host} refuses to delete: {said}")]
    #[diagnostic(help("{}; nothing that is in use was changed", by_other_means(host)))]
    Undeletable {
        /// Which.
        host: String,
        /// Its answer.
        said: String,
    },
}

/// How to delete in a registry that refuses it here.
fn by_other_means(host: &str) -> &'static str {
    match host {
        "ghcr.io" => {
            "delete the versions on the package's page at github.com, or with `gh api -X DELETE \
             /orgs/ORG/packages/container/NAME/versions/ID` (GET …/versions lists them with their digests)"
        }
        "docker.io" => "delete them on the repository's page at hub.docker.com",
        _ => {
            "delete there by other means, or allow it (docker-registry: REGISTRY_STORAGE_DELETE_ENABLED=true; elsewhere \
             the login needs the right to delete, and tags that may not change must be allowed to)"
        }
    }
}

impl From<registry::Error> for Error {
    fn from(error: registry::Error) -> Self {
        Error::Registry(error.into())
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Registry(error) => error.exit(),
            Error::Release(error) => error.exit(),
            Error::BadRecord { .. } => Exit::Integrity,
            Error::Crowded { .. } | Error::NothingKept { .. } | Error::Undeletable { .. } => {
                Exit::Registry
            }
        }
    }
}
