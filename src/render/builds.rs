//! The inputs of an image build, as a compose file needs them.

use std::collections::BTreeMap;

use serde::Serialize;

/// The paths of a build's inputs, relative to the compose file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builds {
    /// The folder with the Dockerfile and `docker/`.
    pub context: String,
}

/// The variable `lock` of templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// The hash of the lock's chosen part.
    pub sha256: String,
    /// The build arguments of envlock's Dockerfile.
    pub args: BTreeMap<String, String>,
    /// The build contexts beside the main one: where they are, by name.
    pub contexts: BTreeMap<String, String>,
    /// The version of each package.
    pub packages: BTreeMap<String, String>,
}
