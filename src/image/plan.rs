//! The plan: what `build` will make of a lock. Both engines act on it and `--dry-run` prints it.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Destination, Error, Repository, Stages};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::lock::{self, BasePin, Lock, Package, Target};
use crate::reference::{self, PinnedReference};
use crate::spec::{CompilerNeed, GroupName, ImageName, ImageSpec, PythonSource, Spec};

/// The folder with the interpreter's archive, beside the wheels of the group of this name.
const PYTHON: &str = "python";

/// What was asked of `build`.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// Of the lock file's bytes.
    pub lock_sha256: Sha256,
    /// The spec it must answer.
    pub spec: &'a Spec,
    /// The images; empty: all of the spec's.
    pub images: &'a [ImageName],
    /// Where they go; `None`: nowhere yet.
    pub destination: Option<&'a Destination>,
}

/// What `build` makes of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// Of the lock file's bytes.
    pub lock_sha256: Sha256,
    /// `linux/amd64`
    pub platform: String,
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
    /// The image under all of it.
    pub base: PinnedReference,
    /// What it adds.
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
    /// Bytes of its wheels: about what a push moves.
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

/// The plan for `wanted`; of a Dockerfile's stages it has the folders that they read. Whether such stages make the
/// images is another question ([`super::dockerfile_fits`]). Errors: a lock that is incomplete or answers another spec,
/// an image that is not in the spec.
pub fn plan(wanted: Wanted, stages: &Stages) -> Result<Plan, Error> {
    let Wanted { lock, spec, .. } = wanted;
    if lock.spec_sha256 != spec.sha256() || lock.profile != spec.profile {
        return Err(Error::Stale(lock::stale(lock, spec)));
    }
    let (runtime, devel) = bases(lock)?;
    if let Some(image) = wanted.images.iter().find(|i| spec.image(i).is_none()) {
        let known = spec.images.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::NoImage { image: image.clone(), known });
    }
    let args = arguments(lock, wanted.lock_sha256, spec)?;
    let chosen =
        spec.images.iter().filter(|i| wanted.images.is_empty() || wanted.images.contains(&i.name));
    let mut images = Vec::new();
    let mut needed = BTreeSet::new();
    for image in chosen {
        let line: Vec<_> = spec.chain(&image.name).collect();
        needed.extend(line.iter().flat_map(|i| &i.groups).map(GroupName::as_str));
        needed.extend(stages.groups_of(image.name.as_str()).unwrap_or_else(|| [PYTHON].into()));
        let base = if is_devel(&image.name, spec) { &devel } else { &runtime };
        images.push(ImagePlan {
            name: image.name.clone(),
            line: line.into_iter().map(|image| image.name.clone()).collect(),
            from: image.from.clone(),
            base: base.clone(),
            layers: image.groups.iter().map(|g| layer(g, lock)).collect(),
            labels: labels(image, spec, base, &args),
            repository: wanted.destination.map(|d| d.repository(&image.name)),
        });
    }
    Ok(Plan {
        lock_sha256: wanted.lock_sha256,
        platform: lock.target.platform.clone(),
        source_date_epoch: lock.target.source_date_epoch,
        context: context(lock, spec, &needed),
        args,
        images,
    })
}

impl Plan {
    /// `lock-` and the first 12 digits of the lock's hash: the tag of images that are not pushed.
    pub fn tag(&self) -> String {
        format!("lock-{}", &self.lock_sha256.to_string()[..12])
    }
}

/// The base images of a lock that can be built from. Errors: what it lacks.
fn bases(lock: &Lock) -> Result<(PinnedReference, PinnedReference), Error> {
    let missing = lock.unpinned();
    match (base_image(&lock.base.runtime), base_image(&lock.base.devel)) {
        (Some(runtime), Some(devel)) if missing.is_empty() => Ok((runtime, devel)),
        _ => Err(Error::Unpinned(missing)),
    }
}

/// A base image of a lock by the digest of its platform; `None`: the lock does not pin it.
pub fn base_image(base: &BasePin) -> Option<PinnedReference> {
    let reference = reference::parse(&base.reference).ok()?;
    let digest = base.digests?.platform_digest;
    Some(PinnedReference::new(reference.registry(), reference.repository(), digest))
}

impl ImagePlan {
    /// As [`is_devel`].
    pub(super) fn is_devel(&self) -> bool {
        names_devel(self.line.last().unwrap_or(&self.name))
    }
}

/// Whether the image is on the devel base: the name of the lowest one that it continues says so, in the spec and in the
/// Dockerfile.
pub fn is_devel(image: &ImageName, spec: &Spec) -> bool {
    names_devel(spec.chain(image).last().map_or(image, |image| &image.name))
}

fn names_devel(image: &ImageName) -> bool {
    image.as_str() == "devel" || image.as_str().ends_with("-devel")
}

fn layer(group: &GroupName, lock: &Lock) -> LayerPlan {
    let in_group = lock.packages.iter().filter(|p| p.group == *group);
    let packages: Vec<_> = in_group
        .map(|p| PackagePlan {
            name: p.name.clone(),
            version: p.version.to_string(),
            size: p.size,
            unpacked_size: p.unpacked_size,
        })
        .collect();
    LayerPlan {
        group: group.clone(),
        size: packages.iter().map(|p| p.size).sum(),
        unpacked_size: packages.iter().map(|p| p.unpacked_size).sum(),
        packages,
    }
}

/// The build arguments of a lock, whether or not it answers the spec. Errors: a lock that is incomplete.
pub fn arguments(
    lock: &Lock,
    lock_sha256: Sha256,
    spec: &Spec,
) -> Result<BTreeMap<String, String>, Error> {
    let (runtime, devel) = bases(lock)?;
    let version = |name: &str| {
        let package = name.parse().ok().and_then(|name: PackageName| lock.package(&name));
        package.map(|p| p.version.to_string()).unwrap_or_default()
    };
    // Triton compiles at run time; nothing else in the stack does.
    let compiler = match spec.build.compiler {
        CompilerNeed::Auto if !version("triton").is_empty() => "required",
        CompilerNeed::Auto | CompilerNeed::None => "none",
    };
    let source = match lock.python.source {
        PythonSource::Standalone => "standalone",
        PythonSource::Base => "base",
    };
    let archive = lock.python.archive.as_ref().map(|a| a.sha256.to_string()).unwrap_or_default();
    let (created, snapshot) = times(&lock.target);
    let arguments = [
        ("APT_SNAPSHOT", snapshot),
        ("BASE_IMAGE", devel.to_string()),
        ("COMPILER", compiler.to_owned()),
        ("CREATED", created),
        ("CUDA_TAG", lock.target.cuda_tag.to_string()),
        ("CUDA_VERSION", cuda_version(lock)),
        ("LOCK_SHA256", lock_sha256.to_string()),
        ("MARIMO_VERSION", version("marimo")),
        ("PYG_VERSION", version("torch-geometric")),
        ("PYTHON_ARCHIVE_SHA256", archive),
        ("PYTHON_SOURCE", source.to_owned()),
        ("PYTHON_VERSION", lock.python.version.to_string()),
        ("RAY_VERSION", version("ray")),
        ("RUNTIME_BASE_IMAGE", runtime.to_string()),
        ("SOURCE_DATE_EPOCH", lock.target.source_date_epoch.to_string()),
        ("TORCH_VERSION", version("torch")),
    ];
    Ok(arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The lock's time as RFC 3339 and as the name of a day in the distribution's archive.
fn times(target: &Target) -> (String, String) {
    let time = jiff::Timestamp::from_second(target.source_date_epoch).unwrap_or_default();
    (time.to_string(), time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// The CUDA release of an nvidia/cuda base, which its tag starts with; else the line of the wheels.
fn cuda_version(lock: &Lock) -> String {
    let CudaTag::Cuda(line) = lock.target.cuda_tag else { return String::new() };
    let reference = reference::parse(&lock.base.runtime.reference).ok();
    reference
        .filter(|r| r.repository().ends_with("nvidia/cuda"))
        .and_then(|r| Some(r.tag()?.split('-').next()?.to_owned()))
        .filter(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
        .unwrap_or_else(|| line.to_string())
}

/// As the Dockerfile's LABEL instructions set them: an image keeps those of the stages it continues.
fn labels(
    image: &ImageSpec,
    spec: &Spec,
    base: &PinnedReference,
    args: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut set = |label: &str, value: &str| labels.insert(label.to_owned(), value.to_owned());
    set("org.opencontainers.image.title", image.name.as_str());
    set("org.opencontainers.image.base.name", &base.to_string());
    let mut from_argument = |label: &str, arg: &str| {
        labels.insert(label.to_owned(), args.get(arg).cloned().unwrap_or_default());
    };
    from_argument("org.opencontainers.image.created", "CREATED");
    from_argument("dev.envlock.lock.sha256", "LOCK_SHA256");
    from_argument("dev.envlock.cuda.tag", "CUDA_TAG");
    from_argument("dev.envlock.cuda.version", "CUDA_VERSION");
    from_argument("dev.envlock.python.version", "PYTHON_VERSION");
    from_argument("dev.envlock.torch.version", "TORCH_VERSION");
    from_argument("dev.envlock.pyg.version", "PYG_VERSION");
    let groups: BTreeSet<_> =
        spec.chain(&image.name).flat_map(|i| &i.groups).map(GroupName::as_str).collect();
    if groups.contains("ray") {
        from_argument("dev.envlock.ray.version", "RAY_VERSION");
    }
    if groups.contains("marimo") {
        from_argument("dev.envlock.marimo.version", "MARIMO_VERSION");
    }
    labels
}

/// A folder for every group that a chosen stage installs or image has, also for those that the lock has nothing for.
fn context(lock: &Lock, spec: &Spec, needed: &BTreeSet<&str>) -> Vec<GroupContext> {
    let position = |name: &str| spec.groups.iter().position(|g| g.name.as_str() == name);
    let mut names: Vec<&str> = needed.iter().copied().collect();
    names.sort_by_key(|name| (position(name).unwrap_or(usize::MAX), *name));
    let folder = |name: &str| {
        let packages: Vec<&Package> =
            lock.packages.iter().filter(|p| p.group.as_str() == name).collect();
        let mut files: Vec<_> = packages
            .iter()
            .map(|p| ContextFile {
                file: p.file.clone(),
                sha256: p.sha256,
                package: Some(p.name.clone()),
            })
            .collect();
        if let (Some(archive), PYTHON) = (&lock.python.archive, name) {
            files.push(ContextFile {
                file: archive.file.clone(),
                sha256: archive.sha256,
                package: None,
            });
        }
        GroupContext { group: name.to_owned(), requirements: requirements(name, &packages), files }
    };
    names.into_iter().map(folder).collect()
}

/// pip's hash-checking form: it installs these files or nothing.
fn requirements(group: &str, packages: &[&Package]) -> String {
    let mut text = format!("# The group {group} of env.lock.\n");
    for package in packages {
        text +=
            &format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::lock::sample;
    use crate::spec::builtin;

    const DOCKERFILE: &str = include_str!("../../Dockerfile");

    pub(in crate::image) fn sample_plan(
        images: &[&str],
        destination: Option<&str>,
    ) -> Result<Plan, Error> {
        plan_of(&answering(sample()), images, destination, DOCKERFILE)
    }

    fn answering(mut lock: Lock) -> Lock {
        lock.spec_sha256 = builtin().unwrap().sha256();
        lock
    }

    fn plan_of(
        lock: &Lock,
        images: &[&str],
        destination: Option<&str>,
        dockerfile: &str,
    ) -> Result<Plan, Error> {
        let images: Vec<ImageName> = images.iter().map(|i| i.parse().unwrap()).collect();
        let destination: Option<Destination> = destination.map(|d| d.parse().unwrap());
        let wanted = Wanted {
            lock,
            lock_sha256: Sha256::of("lock"),
            spec: &builtin().unwrap(),
            images: &images,
            destination: destination.as_ref(),
        };
        plan(wanted, &Stages::read("Dockerfile", dockerfile))
    }

    #[test]
    fn everything_the_build_sees_comes_from_the_lock() {
        let plan = sample_plan(&[], Some("127.0.0.1:5000/team")).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
    }

    #[test]
    fn a_stale_or_incomplete_lock_is_refused() {
        let stale = plan_of(&sample(), &[], None, DOCKERFILE).unwrap_err();
        assert!(matches!(stale, Error::Stale(reasons) if !reasons.is_empty()));
        let mut lock = answering(sample());
        lock.base.devel.digests = None;
        lock.python.verified = false;
        let Error::Unpinned(missing) = plan_of(&lock, &[], None, DOCKERFILE).unwrap_err() else {
            panic!("an unpinned lock was planned")
        };
        assert_eq!(missing, lock.unpinned());
    }

    #[test]
    fn one_image_needs_only_its_own_groups() {
        let plan = sample_plan(&["ray-runtime"], None).unwrap();
        let folders: Vec<_> = plan.context.iter().map(|c| c.group.as_str()).collect();
        assert_eq!(folders, ["python", "torch", "pyg", "ray"]);
        assert_eq!(plan.images.len(), 1);
        assert!(matches!(sample_plan(&["jupyter"], None), Err(Error::NoImage { .. })));
    }

    #[test]
    fn triton_asks_for_a_compiler_and_a_plain_base_for_the_cuda_line() {
        let mut lock = answering(sample());
        assert_eq!(plan_of(&lock, &[], None, DOCKERFILE).unwrap().args["COMPILER"], "none");
        let mut triton = lock.packages[0].clone();
        triton.name = "triton".parse().unwrap();
        lock.packages.push(triton);
        lock.base.runtime.reference = "docker.io/library/ubuntu:24.04".to_owned();
        let args = plan_of(&lock, &[], None, DOCKERFILE).unwrap().args;
        assert_eq!(
            (args["COMPILER"].as_str(), args["CUDA_VERSION"].as_str()),
            ("required", "13.0")
        );
        let mut spec = builtin().unwrap();
        spec.build.compiler = CompilerNeed::None;
        let wanted = Wanted {
            lock: &lock,
            lock_sha256: Sha256::of("lock"),
            spec: &spec,
            images: &[],
            destination: None,
        };
        let plan = plan(wanted, &Stages::read("Dockerfile", DOCKERFILE)).unwrap();
        assert_eq!(plan.args["COMPILER"], "none");
        lock.base.runtime.reference = "docker.io/nvidia/cuda:13.1.1-base-ubuntu24.04".to_owned();
        assert_eq!(plan_of(&lock, &[], None, DOCKERFILE).unwrap().args["CUDA_VERSION"], "13.1.1");
    }
}
