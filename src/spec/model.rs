//! The spec as values.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

use apt_solver::Request;
use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::{MarkerEnvironment, PackageName, Requirement, VerbatimUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;
use yaml_scalar_edit::YamlPath;

use super::{
    ArchiveSpec, BuildSpec, ByteSize, CutOff, GroupName, ImageName, Imports, Origin, Preferred,
    ProfileName, PythonRequest, ReleaseSpec, Rules, SignSpec, SourceName, SystemSpec,
};

use crate::cuda::CudaTag;
use crate::gpu::ComputeCapability;
use crate::login::Login;
use crate::platform::Platform;
use crate::python::{GlibcVersion, marker_environment};

/// The complete spec, with defaults and command-line overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The profile of envlock.toml that was applied; `None`: none.
    pub profile: Option<ProfileName>,
    /// The interpreter.
    pub python: PythonSpec,
    /// The target that the environment runs on.
    pub target: TargetSpec,
    /// Distributions that are taken regardless of their CUDA line, by the user's decision.
    pub cuda_allow: BTreeSet<PackageName>,
    /// The base images.
    pub base: BaseSpec,
    /// Packages that ship together, in layer order. A transitive dependency belongs to the first
    /// group that needs it.
    pub groups: Vec<GroupSpec>,
    /// What the spec decides about the set beside its requirements.
    pub rules: Rules,
    /// What other files state beside requirements and rules.
    pub imports: Imports,
    /// Settings of single packages, wherever they are needed.
    pub packages: BTreeMap<PackageName, PackageSpec>,
    /// Where distributions come from, by name. `pypi`, `pytorch` and `pyg` always exist.
    pub sources: BTreeMap<SourceName, SourceSpec>,
    /// Archives of system packages, by the name of their distribution.
    pub archives: BTreeMap<SourceName, ArchiveSpec>,
    /// The build targets, each after the one it is `FROM`.
    pub images: Vec<ImageSpec>,
    /// Packages of the base image's distribution that every image gets.
    pub system: SystemSpec,
    /// Where images go.
    pub registry: RegistrySpec,
    /// Settings of requests.
    pub network: NetworkSpec,
    /// Settings of builds.
    pub build: BuildSpec,
    /// The file that runs them.
    pub config: ConfigSpec,
    /// Settings of releases.
    pub release: ReleaseSpec,
    /// How images are signed; `None`: not at all.
    pub sign: Option<SignSpec>,
    /// Files uploaded at this moment or later are ignored.
    pub exclude_newer: Option<CutOff>,
    /// Logins that stood in addresses of sources and mirrors, each with its address. The addresses have none.
    pub logins: Vec<(Url, Login)>,
    /// Whether `keyring get` is asked for passwords; absent: as uv's settings say.
    pub keyring: Option<KeyringProvider>,
}

/// Where the password of a user named in an index URL comes from; the values are uv's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyringProvider {
    /// Nowhere.
    Disabled,
    /// The command `keyring`.
    Subprocess,
}

/// The requested interpreter.
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

/// Where the interpreter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PythonSource {
    /// python-build-standalone's `install_only_stripped` archive.
    Standalone,
    /// The base image's own interpreter.
    Base,
}

/// The target that the environment runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetSpec {
    /// `linux/amd64`
    pub platform: Platform,
    /// `major.minor` of the C library; absent: read from the runtime base image.
    pub glibc: Option<GlibcVersion>,
    /// The CUDA build of torch and the packages bound to it.
    pub cuda: CudaTag,
    /// Compute capabilities of the GPUs that the images run on; torch must have code for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<ComputeCapability>,
}

/// The base images, as references with a tag or digest.
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
    /// The requirements.
    pub requirements: Vec<RequirementSpec>,
    /// Where its packages come from, unless they say otherwise.
    pub sources: Vec<SourceName>,
    /// The system packages that it needs beside them.
    pub system: Vec<Request>,
}

/// What the spec asks for: a distribution, and where it may come from.
#[derive(Debug, Clone, PartialEq)]
pub struct RequirementSpec {
    /// The requirement in the terms of PEP 508.
    pub pep508: Requirement<VerbatimUrl>,
    /// In order; the first source that has the project is used.
    pub sources: Vec<SourceName>,
    /// Whether it is left out where another requirement would get an older version for it, or where it fits nothing.
    pub optional: bool,
    /// The requirement as written, and where the override is that replaces it.
    pub overridden: Option<(String, Origin)>,
    /// Where it is written, if not in envlock.toml.
    pub origin: Option<Origin>,
}

impl RequirementSpec {
    /// A requirement of envlock.toml, with no override.
    pub fn new(pep508: Requirement<VerbatimUrl>, sources: Vec<SourceName>, optional: bool) -> Self {
        RequirementSpec { pep508, sources, optional, overridden: None, origin: None }
    }

    /// The requirement as a lock has it, with the file that it comes from; `None`: it is of envlock.toml.
    pub fn imported(&self) -> Option<String> {
        let file = &self.origin.as_ref()?.file;
        Some(format!("wish: {} ({file})", self.pep508))
    }

    /// The requirement as messages show it: with the place where it is written, and what is overridden.
    pub fn described(&self) -> String {
        let RequirementSpec { pep508, overridden, origin, .. } = self;
        let place = origin.as_ref().map_or_else(String::new, |origin| format!(" ({origin})"));
        match overridden {
            None => format!("{pep508}{place}"),
            Some((written, by)) => format!("{pep508} (override of {written}{place}, {by})"),
        }
    }
}

/// The settings of one package: a table in `[packages]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSpec {
    /// In order; the first source that has the project is used.
    pub sources: Option<Vec<SourceName>>,
    /// Whether it is from the user's file, not from the built-in stack.
    pub is_own: bool,
    /// Its own cut-off; `Some(None)`: it has none.
    pub exclude_newer: Option<Option<CutOff>>,
}

/// An index or page of wheels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// How to read it.
    pub kind: SourceKind,
    /// Its address; `None` only for `pypi`, whose address is found where Python users keep it.
    pub url: Option<Url>,
    /// The address as it is written, where it depends on the CUDA tag.
    pub template: Option<Url>,
    /// The statuses, beside 404, that mean that it does not have a project; `None`: see [`SourceSpec::ignored`].
    pub ignore_error_codes: Option<Vec<u16>>,
    /// Its own cut-off; `Some(None)`: it has none.
    pub exclude_newer: Option<Option<CutOff>>,
}

/// Hosts that answer 403 for missing files, because the bucket behind them does not list its files.
const HIDING: [&str; 3] = ["download.pytorch.org", "download-r2.pytorch.org", "data.pyg.org"];

impl SourceSpec {
    pub(super) fn for_cuda(mut self, cuda: CudaTag) -> Self {
        // In a path the braces are percent-encoded.
        let tag = cuda.to_string();
        let with = |text: &str| text.replace("%7Bcuda%7D", &tag).replace("{cuda}", &tag);
        let filled = self.template.as_ref().and_then(|url| with(url.as_str()).parse().ok());
        self.url = filled.or(self.url);
        self
    }

    /// The statuses, beside 404, by which the source of this name and address says that it does not have a project.
    pub fn ignored(&self, name: &SourceName, url: &Url) -> Vec<u16> {
        let is_hiding = || {
            self.kind == SourceKind::Pyg
                || matches!(name.as_str(), "pytorch" | "pyg")
                || url.host_str().is_some_and(|host| HIDING.contains(&host))
        };
        match &self.ignore_error_codes {
            Some(codes) => codes.clone(),
            None if is_hiding() => vec![403],
            None => Vec::new(),
        }
    }
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
    /// The system packages it adds.
    #[serde(skip)]
    pub system: Vec<Request>,
    /// The limit of its size on a disk, with everything below it.
    pub max_size: Option<ByteSize>,
}

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

/// Settings of requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkSpec {
    /// The longest time that a run waits in all where servers ask for it; `None`: 15 minutes.
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
    pub path: YamlPath,
    /// The image that belongs there.
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

impl Spec {
    /// Every requirement, in group order.
    pub fn requirements(&self) -> impl Iterator<Item = (&GroupName, &RequirementSpec)> {
        self.groups.iter().flat_map(|g| g.requirements.iter().map(move |w| (&g.name, w)))
    }

    /// The same, for another CUDA tag.
    #[must_use]
    pub fn for_cuda(mut self, cuda: CudaTag) -> Self {
        self.target.cuda = cuda;
        let sources = self.sources.into_iter();
        self.sources = sources.map(|(name, source)| (name, source.for_cuda(cuda))).collect();
        self
    }

    /// Files of `name` in `source` from this moment on do not count: by the package's own cut-off, else the source's, else that
    /// for all.
    pub fn cut_off(&self, name: &PackageName, source: &SourceName) -> Option<CutOff> {
        let package = self.packages.get(name).and_then(|package| package.exclude_newer);
        let source = || self.sources.get(source).and_then(|source| source.exclude_newer);
        package.or_else(source).unwrap_or(self.exclude_newer)
    }

    /// The names that are asked for.
    pub fn asked_for(&self) -> BTreeSet<PackageName> {
        self.requirements().map(|(_, r)| r.pep508.name.clone()).collect()
    }

    /// The system packages that are asked for, by the image that gets them: those for every image, under `None`, then
    /// what each image and its groups add to the images below it.
    pub fn system_requests(&self) -> BTreeMap<Option<&ImageName>, Vec<&Request>> {
        let mut all = BTreeMap::new();
        if !self.system.packages.is_empty() {
            all.insert(None, self.system.packages.iter().collect());
        }
        for image in &self.images {
            let groups = self.groups.iter().filter(|group| image.groups.contains(&group.name));
            let own = groups.flat_map(|group| &group.system).chain(&image.system);
            let own: Vec<&Request> = own.collect();
            if !own.is_empty() {
                all.insert(Some(&image.name), own);
            }
        }
        all
    }

    /// The image of this name.
    pub fn image(&self, name: &ImageName) -> Option<&ImageSpec> {
        self.images.iter().find(|i| i.name == *name)
    }

    /// The image and those that it continues (`from`), nearest first; nothing where the spec does not have it.
    pub fn chain(&self, image: &ImageName) -> impl Iterator<Item = &ImageSpec> {
        std::iter::successors(self.image(image), |image| self.image(image.from.as_ref()?))
    }

    /// The versions that are preferred on a target with these markers, each with its file.
    pub fn preferred(&self) -> BTreeMap<PackageName, &Preferred> {
        let version = &self.python.version;
        let python = [version.major, version.minor, version.patch.unwrap_or_default()];
        let environment: MarkerEnvironment =
            marker_environment(self.target.platform, &pep440_rs::Version::new(python));
        let holds = |p: &&Preferred| {
            let markers = &p.version.markers;
            markers.is_empty() || markers.iter().any(|m| m.evaluate(&environment, &[]))
        };
        // The first that applies, of the first file.
        let all = self.imports.preferred.iter().filter(holds).rev();
        all.map(|p| (p.version.name.clone(), p)).collect()
    }
}
