//! `envlock status --json`

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::config::ConfigPath;
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// What runs now, and how it differs from the last release.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// The form of this report.
    pub version: Version,
    /// The build that runs after the last release; 0: none.
    pub release: u64,
    /// env.lock compared with the lock of the release that runs.
    pub lock: LockState,
    /// The places in files that name images.
    pub roles: Vec<Role>,
    /// Images of the release that runs which no place in a file names, as after `build --push --no-config`.
    pub images: Vec<Image>,
}

impl Report for Status {
    const COMMAND: &'static str = "status";
}

/// env.lock compared with the lock of the release that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockState {
    /// There is no env.lock.
    Missing,
    /// There is one, but no release.
    NotReleased,
    /// They are the same bytes.
    Released,
    /// env.lock has changed since.
    Changed,
}

/// A place in a file that names an image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Role {
    /// The file, relative to the project folder.
    #[schemars(with = "String")]
    pub file: Utf8PathBuf,
    /// Where in it.
    #[schemars(with = "String")]
    pub path: ConfigPath,
    /// The image that belongs there.
    pub image: ImageName,
    /// Its value; null: the key is missing or empty.
    pub value: Option<String>,
    /// The newest release with this very image.
    pub release: Option<u64>,
    /// Whether it differs from what the last release wrote here.
    pub drift: bool,
    /// What also builds an image in this place, and so makes `docker compose build` fail beside an image by digest:
    /// `build.enabled` that is true, or the build of a compose file.
    #[schemars(with = "Vec<String>")]
    pub builds: Vec<ConfigPath>,
    /// Whether the image is in its registry; only with `--registry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_registry: Option<Presence>,
}

/// An image that only the release record names.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Image {
    /// The spec's name for it.
    pub name: ImageName,
    /// Where it is.
    pub image: PinnedReference,
    /// Whether it is in its registry; only with `--registry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_registry: Option<Presence>,
}

/// Whether an image is in its registry.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is.
    There,
    /// It is not.
    Gone,
    /// The registry could not be asked, for this reason.
    Unknown(String),
}
