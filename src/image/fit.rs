//! Whether a Dockerfile makes the images of a spec. Only needed for BuildKit: the `layers` engine needs neither a stage
//! nor a pip.

use pep508_rs::PackageName;

use super::{Error, Plan, Stages};
use crate::lock::Lock;
use crate::spec::{ImageName, Spec};

/// Whether these stages make the plan's images from this lock.
///
/// # Errors
///
/// [`Error::NoPip`], [`Error::SystemPackages`], and those of [`stages_fit`].
pub fn dockerfile_fits(
    plan: &Plan,
    lock: &Lock,
    spec: &Spec,
    stages: &Stages,
) -> Result<(), Error> {
    if !lock.system_packages.is_empty() {
        return Err(Error::SystemPackages);
    }
    let pip = "pip".parse().ok().and_then(|pip: PackageName| lock.package(&pip));
    if pip.is_none_or(|p| p.group.as_str() != "python") {
        return Err(Error::NoPip);
    }
    stages_fit(plan.images.iter().map(|image| &image.name), spec, stages)
}

/// Whether each image has a stage that installs all of its groups.
///
/// # Errors
///
/// [`Error::NoStage`], [`Error::NoStep`].
pub fn stages_fit<'a>(
    images: impl Iterator<Item = &'a ImageName>,
    spec: &Spec,
    stages: &Stages,
) -> Result<(), Error> {
    for image in images {
        let dockerfile = stages.dockerfile.clone();
        let Some(installed) = stages.groups_of(image.as_str()) else {
            let known = stages.names().collect::<Vec<_>>().join(", ");
            return Err(Error::NoStage { dockerfile, image: image.clone(), known });
        };
        let mut groups = spec.chain(image).flat_map(|image| &image.groups);
        if let Some(group) = groups.find(|group| !installed.contains(group.as_str())) {
            return Err(Error::NoStep { dockerfile, image: image.clone(), group: group.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::planning::tests::sample_plan;
    use crate::lock::sample;
    use crate::spec::builtin;

    const DOCKERFILE: &str = include_str!("../../Dockerfile");

    fn fits(lock: &Lock, dockerfile: &str) -> Result<(), Error> {
        let (plan, spec) = (sample_plan(&[], None).unwrap(), builtin().unwrap());
        dockerfile_fits(&plan, lock, &spec, &Stages::read("Dockerfile", dockerfile))
    }

    #[test]
    fn a_lock_without_pip_cannot_be_installed_by_a_dockerfile() {
        let mut lock = sample();
        assert!(fits(&lock, DOCKERFILE).is_ok());
        lock.packages.retain(|p| p.name.as_ref() != "pip");
        assert!(matches!(fits(&lock, DOCKERFILE), Err(Error::NoPip)));
    }

    #[test]
    fn a_dockerfile_that_leaves_out_a_group_or_an_image_is_refused() {
        let without = DOCKERFILE.replace("group.sh ray", "true");
        assert!(
            matches!(fits(&sample(), &without), Err(Error::NoStep { group, .. }) if group.as_str() == "ray")
        );
        let without = DOCKERFILE.replace("AS marimo-runtime", "AS notebook");
        assert!(matches!(fits(&sample(), &without), Err(Error::NoStage { .. })));
    }
}
