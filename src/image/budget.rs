//! Checks how big an image may be on a disk, before anything is built.

use super::layering::groups;
use super::show::megabytes;
use super::{Error, Plan};
use crate::lock::{Lock, Package};
use crate::spec::{ImageName, Spec};

/// How many wheels an error names.
const NAMED: usize = 10;

/// The layers below an image's wheels, as far as they are known. Bytes, unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Below {
    /// The base image.
    pub base: Option<u64>,
    /// The interpreter.
    pub python: Option<u64>,
}

/// Compares the plan's images with `max-size` of the spec. `below` has the layers below an image; `earlier` is the
/// lock of an earlier release, to say what grew.
///
/// # Errors
///
/// [`Error::OverBudget`] for the first image that is too big.
pub fn budget(
    plan: &Plan,
    lock: &Lock,
    spec: &Spec,
    below: impl Fn(&ImageName) -> Below,
    earlier: Option<&Lock>,
) -> Result<(), Error> {
    for image in plan.images.iter().map(|i| &i.name) {
        let Some(most) = spec.image(image).and_then(|i| i.max_size) else { continue };
        let groups = groups(image, spec);
        let within = |lock: &Lock| -> Vec<Package> {
            lock.packages.iter().filter(|p| groups.contains(&&p.group)).cloned().collect()
        };
        let mut packages = within(lock);
        let wheels: u64 = packages.iter().map(|p| p.unpacked_size).sum();
        let Below { base, python } = below(image);
        let size = wheels + base.unwrap_or(0) + python.unwrap_or(0);
        if size <= most.bytes() {
            continue;
        }
        packages.sort_by(|a, b| (b.unpacked_size, &a.name).cmp(&(a.unpacked_size, &b.name)));
        let mut details = vec![format!("wheels {}", megabytes(wheels))];
        for (what, bytes) in [("base image", base), ("Python", python)] {
            let bytes = bytes.map_or_else(|| "not known, not counted".to_owned(), megabytes);
            details.push(format!("{what} {bytes}"));
        }
        let biggest = packages.iter().take(NAMED).map(named).collect();
        let grown = earlier.map(|earlier| grown(&packages, &within(earlier))).unwrap_or_default();
        return Err(Error::OverBudget {
            image: image.clone(),
            size: megabytes(size),
            most: most.to_string(),
            parts: details.join(", "),
            biggest,
            grown,
        });
    }
    Ok(())
}

fn named(package: &Package) -> String {
    format!("{:>10}  {} {}", megabytes(package.unpacked_size), package.name, package.version)
}

/// The packages that grew, those that grew most first.
fn grown(now: &[Package], before: &[Package]) -> Vec<String> {
    let mut grown: Vec<_> = now
        .iter()
        .filter_map(|package| {
            let old = before.iter().find(|p| p.name == package.name);
            let more = package.unpacked_size.checked_sub(old.map_or(0, |p| p.unpacked_size))?;
            (more > 0).then_some((more, package, old))
        })
        .collect();
    grown.sort_by(|a, b| (b.0, &a.1.name).cmp(&(a.0, &b.1.name)));
    let line = |(more, package, old): &(u64, &Package, Option<&Package>)| {
        let was = old.map_or_else(|| "new".to_owned(), |old| format!("was {}", old.version));
        format!(
            "{:>10}  {} {} ({was})",
            format!("+{}", megabytes(*more)),
            package.name,
            package.version
        )
    };
    grown.iter().take(NAMED).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::planning::tests::sample_plan;
    use super::*;
    use crate::exit::{Classified, Exit};
    use crate::lock::sample;
    use crate::spec::builtin;

    fn sized(name: &str, bytes: u64) -> Lock {
        let mut lock = sample();
        let package = lock.packages.iter_mut().find(|p| p.name.as_ref() == name).unwrap();
        package.unpacked_size = bytes;
        lock
    }

    fn checked(lock: &Lock, below: Below, earlier: Option<&Lock>) -> Result<(), Error> {
        let plan = sample_plan(&[], None).unwrap();
        budget(&plan, lock, &builtin().unwrap(), |_| below, earlier)
    }

    #[test]
    fn the_base_image_and_the_interpreter_count_too() {
        let lock = sized("torch", 7_000_000_000);
        assert!(checked(&lock, Below::default(), None).is_ok());
        let below = Below { base: Some(950_000_000), python: Some(100_000_000) };
        let error = checked(&lock, below, None).unwrap_err();
        assert_eq!(error.exit(), Exit::Build);
        // Only ray-runtime has a budget: what marimo-runtime adds is not counted.
        assert!(checked(&sized("marimo", 9_000_000_000), below, None).is_ok());
    }

    #[test]
    fn the_error_names_the_biggest_wheels_and_what_grew() {
        let lock = sized("torch", 8_500_000_000);
        let earlier = sized("torch", 6_000_000_000);
        let error = checked(&lock, Below::default(), Some(&earlier)).unwrap_err();
        insta::assert_snapshot!(error.to_string());
    }
}
