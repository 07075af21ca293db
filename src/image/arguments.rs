//! A lock's build arguments and labels.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;

use super::error::Error;
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::lock::{BasePin, Lock, Target};
use crate::reference::{self, PinnedReference};
use crate::spec::{CompilerNeed, GroupName, ImageSpec, PythonSource, Spec};

/// The build arguments of a lock, whether or not it matches the spec.
///
/// # Errors
///
/// [`Error::Unpinned`]: a lock that is incomplete.
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
    // Only Triton compiles at run time.
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
pub(super) fn labels(
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

/// The base images of a lock that can be built from, runtime and devel.
///
/// # Errors
///
/// [`Error::Unpinned`], which names what is missing.
pub(super) fn bases(lock: &Lock) -> Result<(PinnedReference, PinnedReference), Error> {
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
