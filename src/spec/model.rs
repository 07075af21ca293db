//! The spec as values. [`Spec::sha256`] is what a lock remembers of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use pep508_rs::{PackageName, Requirement, VerbatimUrl};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{BuildSpec, ReleaseSpec, SignSpec};
use crate::config::ConfigPath;
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::gpu::ComputeCapability;
use crate::login::Login;

/// What is wanted, complete: defaults and command-line overrides are already in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The profile of envlock.toml that is in it; `None`: the file as it is.
    pub profile: Option<ProfileName>,
    /// The interpreter.
    pub python: PythonSpec,
    /// What the environment runs on.
    pub target: TargetSpec,
    /// The images ours are built on.
    pub base: BaseSpec,
    /// Packages that ship together, in layer order. A transitive dependency belongs to the first
    /// group that needs it.
    pub groups: Vec<GroupSpec>,
    /// Where distributions come from, by name. `pypi`, `pytorch` and `pyg` always exist.
    pub sources: BTreeMap<SourceName, SourceSpec>,
    /// The build targets, each after the one it is `FROM`.
    pub images: Vec<ImageSpec>,
    /// Where images go.
    pub registry: RegistrySpec,
    /// How servers are asked.
    pub network: NetworkSpec,
    /// How they are made.
    pub build: BuildSpec,
    /// The file that runs them.
    pub config: ConfigSpec,
    /// What belongs to a release.
    pub release: ReleaseSpec,
    /// How images are signed; `None`: not at all.
    pub sign: Option<SignSpec>,
    /// Files uploaded at this moment or later do not count.
    pub exclude_newer: Option<Timestamp>,
    /// Logins that stood in addresses of sources and mirrors, each with its address. The addresses have none.
    pub logins: Vec<(Url, Login)>,
    /// Whether `keyring get` is asked for passwords; absent: as uv's settings say.
    pub keyring: Option<KeyringProvider>,
}

/// Who is asked for the password of a user named in an index URL; the words are uv's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyringProvider {
    /// Nobody.
    Disabled,
    /// The command `keyring`.
    Subprocess,
}

/// The interpreter that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PythonSpec {
    /// `3.14`, or a full `3.14.2`.
    pub version: PythonRequest,
    /// Where it comes from.
    pub source: PythonSource,
    /// Where python-build-standalone's releases are mirrored; not part of the lock's identity.
    #[serde(skip)]
    pub mirror: Option<Url>,
}

/// `X.Y` (the newest patch release) or `X.Y.Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PythonRequest {
    /// X
    pub major: u64,
    /// Y
    pub minor: u64,
    /// Z, when asked for.
    pub patch: Option<u64>,
}

/// Where the interpreter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PythonSource {
    /// python-build-standalone's `install_only_stripped` archive.
    Standalone,
    /// The base image's own interpreter.
    Base,
}

/// What the environment runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSpec {
    /// Only `linux/amd64` for now.
    pub platform: String,
    /// `major.minor` of the C library; absent: read from the runtime base image.
    pub glibc: Option<GlibcVersion>,
    /// Which builds of torch and friends are wanted.
    pub cuda: CudaTag,
    /// Compute capabilities of the GPUs the images will meet; torch must have code for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<ComputeCapability>,
}

/// A glibc version, `2.39`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct GlibcVersion {
    /// 2
    pub major: u16,
    /// 39
    pub minor: u16,
}

/// The images ours are built on, as references with a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaseSpec {
    /// Under ray-runtime and marimo-runtime.
    pub runtime: String,
    /// Under the `*-devel` images.
    pub devel: String,
}

/// A set of packages that ships together.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSpec {
    /// `torch`, `pyg`, `ray`, `marimo`, …
    pub name: GroupName,
    /// What is asked for.
    pub requirements: Vec<Wish>,
}

/// One requirement the user states, and where it may come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// A PEP 508 requirement.
    pub requirement: Requirement<VerbatimUrl>,
    /// In order; the first source that has the project is used.
    pub sources: Vec<SourceName>,
    /// How much it may cost the others.
    pub strength: Strength,
}

/// How much a wish may cost the others: the key `wish` of a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// It must be in the set, even with an older torch.
    #[default]
    Required,
    /// It is taken when every required wish keeps the version it has without it; else left out.
    Preferred,
}

/// An index or page of wheels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// How to read it.
    pub kind: SourceKind,
    /// Its address; `None` only for `pypi`, whose address is found where Python users keep it.
    pub url: Option<Url>,
}

/// How a source is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// PEP 503/691: one page a project below the URL.
    Simple,
    /// One flat page of links.
    FindLinks,
    /// One flat page per torch version below the URL: `torch-X.Y.Z+cuNNN.html`.
    Pyg,
}

/// A build target made of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSpec {
    /// `ray-runtime`, `marimo-runtime`.
    pub name: ImageName,
    /// The image whose layers it continues; `None`: the runtime base.
    pub from: Option<ImageName>,
    /// The groups it adds.
    pub groups: Vec<GroupName>,
    /// What it may take on a disk, everything below it included.
    pub max_size: Option<ByteSize>,
}

/// A number of bytes, written `8 GB` or `500 MB`: decimal, as registries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ByteSize(u64);

/// Where images go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrySpec {
    /// `HOST[:PORT][/PREFIX]`.
    pub destination: Option<String>,
    /// Plain http to hosts that are not loopback.
    pub insecure: bool,
    /// Where the user's own registry listens on 127.0.0.1; `None`: 5080.
    pub port: Option<NonZeroU16>,
    /// Blobs that are sent at the same time; `None`: 4.
    pub parallel: Option<NonZeroUsize>,
    /// Registry host → host that answers for it (`docker.io` → `mirror.example`).
    pub mirrors: BTreeMap<String, String>,
}

/// How servers are asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSpec {
    /// What a run waits in all where servers ask for it; `None`: 15 minutes.
    pub patience: Option<Duration>,
}

/// The file that runs the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSpec {
    /// Relative to the project folder.
    pub path: Utf8PathBuf,
    /// Path in it → image; empty: the built-in roles of the platform.
    pub roles: BTreeMap<String, ImageName>,
    /// More places, in any file.
    pub targets: Vec<TargetPlace>,
}

/// A place in a file that gets an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPlace {
    /// Relative to the project folder.
    pub file: Utf8PathBuf,
    /// Where in it.
    pub path: ConfigPath,
    /// What belongs there.
    pub image: ImageName,
}

impl ConfigSpec {
    /// Every file that names images, [`ConfigSpec::path`] first.
    pub fn files(&self) -> Vec<&Utf8Path> {
        let mut files = vec![self.path.as_path()];
        for target in &self.targets {
            if !files.contains(&target.file.as_path()) {
                files.push(&target.file);
            }
        }
        files
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
                if text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && text.chars().all(ok)
                {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadName(text.to_owned()))
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
    };
}

/// Text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use lowercase letters, digits, `-`, `_` and `.`")]
pub struct BadName(pub String);

name_type!(
    /// A group's name.
    GroupName
);
name_type!(
    /// An image's name: the Dockerfile target and the repository's last part.
    ImageName
);
name_type!(
    /// A source's name, as the lock records it.
    SourceName
);
name_type!(
    /// A profile's name: a part of its lock's file name.
    ProfileName
);

impl Spec {
    /// The hash of everything that decides what is locked. Where images go, mirrors and addresses
    /// are left out: moving to a mirror never makes a lock stale.
    pub fn sha256(&self) -> Sha256 {
        #[derive(Serialize)]
        struct Identity<'a> {
            python: &'a PythonSpec,
            target: &'a TargetSpec,
            base: &'a BaseSpec,
            groups: Vec<(&'a GroupName, Vec<String>)>,
            #[serde(skip_serializing_if = "Option::is_none")]
            exclude_newer: Option<Timestamp>,
        }
        let wish = |w: &Wish| {
            let sources: Vec<_> = w.sources.iter().map(SourceName::as_str).collect();
            // Locks made before there were preferred wishes keep their hash.
            let may = if w.strength == Strength::Preferred { " if it fits" } else { "" };
            format!("{} from {}{may}", w.requirement, sources.join(","))
        };
        let identity = Identity {
            python: &self.python,
            target: &self.target,
            base: &self.base,
            groups: self
                .groups
                .iter()
                .map(|g| (&g.name, g.requirements.iter().map(wish).collect()))
                .collect(),
            exclude_newer: self.exclude_newer,
        };
        Sha256::of(serde_json::to_vec(&identity).expect("names and versions always serialize"))
    }

    /// Every wish, in group order.
    pub fn wishes(&self) -> impl Iterator<Item = (&GroupName, &Wish)> {
        self.groups.iter().flat_map(|g| g.requirements.iter().map(move |w| (&g.name, w)))
    }

    /// The names that are asked for.
    pub fn asked_for(&self) -> BTreeSet<PackageName> {
        self.wishes().map(|(_, w)| w.requirement.name.clone()).collect()
    }

    /// The image of this name.
    pub fn image(&self, name: &ImageName) -> Option<&ImageSpec> {
        self.images.iter().find(|i| i.name == *name)
    }
}

/// Text that is not `X.Y` or `X.Y.Z`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version such as {1}")]
pub struct BadVersion(String, &'static str);

impl TryFrom<String> for PythonRequest {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        let parts: Option<Vec<u64>> = text.split('.').map(|p| p.parse().ok()).collect();
        match parts.as_deref() {
            Some(&[major, minor]) => Ok(Self { major, minor, patch: None }),
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch: Some(patch) }),
            _ => Err(BadVersion(text, "3.14 or 3.14.2")),
        }
    }
}

impl fmt::Display for PythonRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

impl From<PythonRequest> for String {
    fn from(value: PythonRequest) -> String {
        value.to_string()
    }
}

impl TryFrom<String> for GlibcVersion {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        let parts = text.split_once('.').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(major), Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(BadVersion(text, "2.39")),
        }
    }
}

/// Text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size such as 8 GB or 7.5 GB (GB, MB, kB; decimal)")]
pub struct BadSize(String);

impl ByteSize {
    const UNITS: [(&str, u32); 3] = [("GB", 9), ("MB", 6), ("kB", 3)];

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for ByteSize {
    type Error = BadSize;
    fn try_from(text: String) -> Result<Self, BadSize> {
        let size = || {
            let unit = |&(unit, power): &(&str, u32)| Some((text.strip_suffix(unit)?, power));
            let (number, power) = ByteSize::UNITS.iter().find_map(unit)?;
            let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let scale = power.checked_sub(u32::try_from(fraction.len()).ok()?)?;
            let number = digits(whole) && digits(fraction) && !whole.is_empty();
            let number: u64 = number.then(|| format!("{whole}{fraction}").parse().ok())??;
            number.checked_mul(10_u64.checked_pow(scale)?).filter(|bytes| *bytes > 0)
        };
        size().map(ByteSize).ok_or_else(|| BadSize(text.clone()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, power): &&(&str, u32)| self.0 >= 10_u64.pow(*power);
        let (unit, power) = Self::UNITS.iter().find(fits).unwrap_or(&("kB", 3));
        let one = 10_u64.pow(*power);
        let fraction = format!("{:0width$}", self.0 % one, width = *power as usize);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{} {unit}", self.0 / one),
            fraction => write!(f, "{}.{fraction} {unit}", self.0 / one),
        }
    }
}

impl From<ByteSize> for String {
    fn from(value: ByteSize) -> String {
        value.to_string()
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<GlibcVersion> for String {
    fn from(value: GlibcVersion) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_and_come_back_as_written() {
        let size = |text: &str| ByteSize::try_from(text.to_owned());
        for (text, bytes) in [("8 GB", 8_000_000_000), ("7.5 GB", 7_500_000_000), ("1 kB", 1000)] {
            let size = size(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, text));
        }
        assert_eq!(size("500MB").unwrap().to_string(), "500 MB");
        for text in
            ["", "8", "8 GiB", "GB", "-1 GB", "0 GB", "1e3 MB", "1.2.3 GB", "99999999999 GB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
