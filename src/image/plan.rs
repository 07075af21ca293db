//! The plan: what `build` makes of a lock. Both engines carry it out, and `--dry-run` prints it.

use std::collections::BTreeMap;

use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;

use super::devel::names_devel;
use crate::digest::Sha256;
use crate::platform::Platform;
use crate::reference::PinnedReference;
use crate::reference::Repository;
use crate::spec::{GroupName, ImageName};

/// What `build` makes of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// Of the lock file's bytes.
    pub lock_sha256: Sha256,
    /// `linux/amd64`
    pub platform: Platform,
    /// Seconds since 1970-01-01 UTC, of everything a build writes.
    pub source_date_epoch: i64,
    /// The build arguments, the same for every image.
    pub args: BTreeMap<String, String>,
    /// The images, each after the one it continues.
    pub images: Vec<ImagePlan>,
    /// The files that the build may read, in layer order.
    pub context: Vec<GroupContext>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImagePlan {
    /// The spec's name for it: the Dockerfile's stage, and the repository's last part.
    pub name: ImageName,
    /// It and the images below it, nearest first.
    #[serde(skip)]
    pub line: Vec<ImageName>,
    /// The image whose layers it continues.
    pub from: Option<ImageName>,
    /// The base image.
    pub base: PinnedReference,
    /// The layers it adds.
    pub layers: Vec<LayerPlan>,
    /// Its labels, those of the image it continues included.
    pub labels: BTreeMap<String, String>,
    /// Where it goes.
    pub repository: Option<Repository>,
}

/// One group of packages in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LayerPlan {
    /// The group.
    pub group: GroupName,
    /// What is in it.
    pub packages: Vec<PackagePlan>,
    /// Bytes of its wheels: about what a push transfers.
    pub size: u64,
    /// Bytes of the files in its wheels: about what the image takes on a disk.
    pub unpacked_size: u64,
}

/// One distribution in a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackagePlan {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked_size: u64,
}

/// One folder of the build context: a group's wheels and what to install from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupContext {
    /// The folder's name.
    pub group: String,
    /// The text of its `requirements.txt`.
    pub requirements: String,
    /// The files beside it.
    pub files: Vec<ContextFile>,
}

/// A file of the build context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ContextFile {
    /// Its name.
    pub file: String,
    /// Of its bytes.
    pub sha256: Sha256,
    /// The distribution it is the wheel of; `None`: the Python archive.
    #[schemars(with = "Option<String>")]
    pub package: Option<PackageName>,
}

impl Plan {
    /// `lock-` and the first 12 digits of the lock's hash: the tag of images that are not pushed.
    pub fn tag(&self) -> String {
        format!("lock-{}", &self.lock_sha256.to_string()[..12])
    }
}

impl ImagePlan {
    /// See [`super::is_devel`].
    pub(super) fn is_devel(&self) -> bool {
        names_devel(self.line.last().unwrap_or(&self.name))
    }
}
