//! The lock as values. Identity of a file is its sha256; its locations are only hints.

use jiff::Timestamp;
use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Location, SystemPackage, SystemPin};
use crate::cuda::{CudaLine, CudaTag};
use crate::digest::{Digest, Sha256};
use crate::gpu::Arch;
use crate::platform::Platform;
use crate::python::GlibcVersion;
use crate::spec::{GroupName, ImageName, ProfileName, PythonSource};

/// Everything a build needs, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lock {
    /// The format of the file.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The hash of the spec that it was resolved for.
    pub spec_sha256: Sha256,
    /// The profile of envlock.toml this is the lock of; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// What the set was chosen for.
    pub target: Target,
    /// The interpreter.
    pub python: PythonPin,
    /// The base images.
    pub base: Bases,
    /// Every distribution, sorted by name.
    #[serde(rename = "package", default)]
    pub packages: Vec<Package>,
    /// The archives of the system packages; absent: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemPin>,
    /// Every system package; what one needs comes before it.
    #[serde(rename = "system-package", default, skip_serializing_if = "Vec::is_empty")]
    pub system_packages: Vec<SystemPackage>,
    /// Layers that were made of these wheels, sorted; written by `build`.
    #[serde(rename = "layer", default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerPin>,
}

/// A layer of wheels that was made: where a registry has its digest, none of the wheels is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LayerPin {
    /// Its name for people: `torch`, `ray (41 packages)`.
    pub name: String,
    /// Of the wheels and of everything that shapes the layer's bytes.
    pub key: Sha256,
    /// Of its bytes as they are stored.
    pub digest: Digest,
    /// Of its tar file.
    pub diff_id: Digest,
    /// Bytes, as they are stored.
    pub size: u64,
    /// Bytes of its tar file.
    pub unpacked_size: u64,
}

/// What the set was chosen for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Target {
    /// `linux/amd64`
    pub platform: Platform,
    /// The oldest C library the wheels may need is at most this.
    pub glibc: GlibcVersion,
    /// `cu130`
    pub cuda_tag: CudaTag,
    /// `13.0`: every CUDA library in the lock is of this line. Absent for `cpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cuda_line: Option<CudaLine>,
    /// The oldest driver branch that runs it (580 for CUDA 13). Absent for `cpu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_driver: Option<u32>,
    /// What torch has code for; only where the spec names GPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch_list: Vec<Arch>,
    /// What was taken regardless of its CUDA line: `[cuda] allow` of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub cuda_allow: Vec<PackageName>,
    /// Seconds since 1970-01-01 UTC: the time stamp of everything a build writes.
    pub source_date_epoch: i64,
}

/// The interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PythonPin {
    /// The full version, `3.14.2`.
    #[schemars(with = "String")]
    pub version: Version,
    /// Where it comes from.
    pub source: PythonSource,
    /// The archive, for a standalone interpreter. Absent there: not pinned yet, builds refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PythonArchive>,
    /// False when the full version is only an assumption, because no source could be asked.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub verified: bool,
}

fn yes() -> bool {
    true
}
fn is_true(value: &bool) -> bool {
    *value
}
fn is_false(value: &bool) -> bool {
    !value
}

/// A python-build-standalone archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PythonArchive {
    /// The release it belongs to, such as `20261103`.
    pub release: String,
    /// `cpython-3.14.2+20261103-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz`
    pub file: String,
    /// From the release's SHA256SUMS.
    pub sha256: Sha256,
}

/// The base images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bases {
    /// Under the runtime images.
    pub runtime: BasePin,
    /// Under the devel images.
    pub devel: BasePin,
}

/// A base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BasePin {
    /// As the spec names it, with its tag.
    pub reference: String,
    /// What the tag referred to. Absent: the registry could not be asked, builds refuse.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub digests: Option<BaseDigests>,
}

/// What a base image's tag referred to when it was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseDigests {
    /// The digest of the tag: of an image index, or of the manifest itself.
    pub index_digest: Digest,
    /// The manifest for the target platform.
    pub platform_digest: Digest,
}

/// One distribution and the wheel that was chosen for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Package {
    /// Normalized (PEP 503).
    #[schemars(with = "String")]
    pub name: PackageName,
    /// With its local part where the wheel has one, `2.14.1+cu130`.
    #[schemars(with = "String")]
    pub version: Version,
    /// The group it ships with.
    pub group: GroupName,
    /// The requirements that name it, as written; empty for a transitive dependency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requested: Vec<String>,
    /// The rules of the spec about it, as the spec writes them: `constraint: numpy<2.3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The distributions that need it, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub required_by: Vec<PackageName>,
    /// The extras that are installed, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub extras: Vec<ExtraName>,
    /// The wheel's file name.
    pub file: String,
    /// Whether its METADATA states the version without the local part that the file name has: installers that compare the
    /// two (pip) take such a wheel by its address only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bare_metadata: bool,
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of all files in it.
    pub unpacked_size: u64,
    /// Of the wheel's bytes.
    pub sha256: Sha256,
    /// Where it was found, best first.
    pub locations: Vec<Location>,
    /// When it was uploaded; only where the spec has a cut-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<Timestamp>,
    /// The source of the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_from: Option<UploadedFrom>,
}

/// When a file was uploaded, and the source of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// The moment.
    pub at: Timestamp,
    /// The source of the time.
    pub from: UploadedFrom,
}

/// The source of an upload time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UploadedFrom {
    /// The index page.
    Index,
    /// The Last-Modified header of the file: no earlier than the upload.
    LastModified,
}

impl Lock {
    /// The lock as `resolve` wrote it: what was chosen, without what was made of it.
    pub fn choice(&self) -> Lock {
        Lock { layers: Vec::new(), ..self.clone() }
    }

    /// The distribution of this name.
    pub fn package(&self, name: &PackageName) -> Option<&Package> {
        self.packages.binary_search_by(|p| p.name.cmp(name)).ok().map(|i| &self.packages[i])
    }

    /// The system packages that are added for every image (`None`) or in this image: what one needs comes before it.
    pub fn system_packages<'a>(
        &'a self,
        image: Option<&'a ImageName>,
    ) -> impl Iterator<Item = &'a SystemPackage> {
        self.system_packages.iter().filter(move |package| package.image.as_ref() == image)
    }

    /// What is still missing before a build can be reproducible, a sentence each; empty: nothing.
    pub fn unpinned(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.python.verified {
            missing.push(format!("the patch release of Python {} is assumed", self.python.version));
        }
        if self.python.source == PythonSource::Standalone && self.python.archive.is_none() {
            missing.push(format!("Python {} has no pinned archive", self.python.version));
        }
        let mut bases = vec![&self.base.runtime, &self.base.devel];
        bases.dedup();
        for base in bases.into_iter().filter(|base| base.digests.is_none()) {
            missing.push(format!("the base image {} has no digest", base.reference));
        }
        missing
    }
}
