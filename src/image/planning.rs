//! Lock and spec → plan.

use std::collections::BTreeSet;

use super::arguments::{arguments, bases, labels};
use super::destination::Destination;
use super::devel::is_devel;
use super::error::Error;
use super::plan::{ContextFile, GroupContext, ImagePlan, LayerPlan, PackagePlan, Plan};
use super::stages::Stages;
use crate::digest::Sha256;
use crate::lock::{self, Lock, Package};
use crate::spec::{GroupName, ImageName, Spec};

/// The folder with the interpreter's archive, beside the wheels of the group of this name.
const PYTHON: &str = "python";

/// The input of [`plan`].
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// Of the lock file's bytes.
    pub lock_sha256: Sha256,
    /// The spec that it must match.
    pub spec: &'a Spec,
    /// The images; empty: all of the spec's.
    pub images: &'a [ImageName],
    /// Where they go; `None`: not known yet.
    pub destination: Option<&'a Destination>,
}

/// The plan for `request`, with the folders that the Dockerfile's stages read. Whether those stages make the
/// images is checked by [`super::dockerfile_fits`].
///
/// # Errors
///
/// A lock that is incomplete or for another spec, an image that is not in the spec.
pub fn plan(request: PlanRequest, stages: &Stages) -> Result<Plan, Error> {
    let PlanRequest { lock, spec, .. } = request;
    if lock.spec_sha256 != spec.sha256() || lock.profile != spec.profile {
        return Err(Error::Stale(lock::stale(lock, spec)));
    }
    let (runtime, devel) = bases(lock)?;
    if let Some(image) = request.images.iter().find(|i| spec.image(i).is_none()) {
        let known = spec.images.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::NoImage { image: image.clone(), known });
    }
    let args = arguments(lock, request.lock_sha256, spec)?;
    let chosen = spec
        .images
        .iter()
        .filter(|i| request.images.is_empty() || request.images.contains(&i.name));
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
            repository: request.destination.map(|d| d.repository(&image.name)),
        });
    }
    Ok(Plan {
        lock_sha256: request.lock_sha256,
        platform: lock.target.platform,
        source_date_epoch: lock.target.source_date_epoch,
        context: context(lock, spec, &needed),
        args,
        images,
    })
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
    use crate::spec::{CompilerNeed, builtin};

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
        let request = PlanRequest {
            lock,
            lock_sha256: Sha256::of("lock"),
            spec: &builtin().unwrap(),
            images: &images,
            destination: destination.as_ref(),
        };
        plan(request, &Stages::read("Dockerfile", dockerfile))
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
        let request = PlanRequest {
            lock: &lock,
            lock_sha256: Sha256::of("lock"),
            spec: &spec,
            images: &[],
            destination: None,
        };
        let plan = plan(request, &Stages::read("Dockerfile", DOCKERFILE)).unwrap();
        assert_eq!(plan.args["COMPILER"], "none");
        lock.base.runtime.reference = "docker.io/nvidia/cuda:13.1.1-base-ubuntu24.04".to_owned();
        assert_eq!(plan_of(&lock, &[], None, DOCKERFILE).unwrap().args["CUDA_VERSION"], "13.1.1");
    }
}
