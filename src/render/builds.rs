//! What a build of the images needs, as a compose file says it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Where a build's parts are, seen from the compose file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builds {
    /// The folder with the Dockerfile and `docker/`.
    pub context: String,
}

/// What templates know as `lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    /// Of what was chosen.
    pub sha256: String,
    /// The build arguments of envlock's Dockerfile.
    pub args: BTreeMap<String, String>,
    /// The build contexts beside the main one: where they are, by name.
    pub contexts: BTreeMap<String, String>,
    /// The version of each package.
    pub packages: BTreeMap<String, String>,
}
