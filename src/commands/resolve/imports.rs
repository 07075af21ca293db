//! Checks indexes and hashes in imported files against the indexes used and the files chosen.

use std::collections::BTreeMap;

use pep508_rs::MarkerEnvironment;

use crate::exit::{Exit, Failure};
use crate::index::Sources;
use crate::lock::Lock;
use crate::spec::{Spec, StatedIndex, same_address};

/// # Errors
/// A file names an index that its group does not take packages from. Its packages would come from another index,
/// which may have other projects of these names.
pub fn are_sources(spec: &Spec, sources: &Sources) -> Result<(), Failure> {
    let is_source = |index: &StatedIndex| {
        let mut places = index.sources.iter().filter_map(|name| sources.place(name));
        places.any(|place| same_address(&place.url, &index.address))
    };
    let Some(index) = spec.imports.indexes.iter().find(|index| !is_source(index)) else {
        return Ok(());
    };
    let StatedIndex { option, address, origin, sources } = index;
    let names: Vec<_> = sources.iter().map(|name| name.as_str()).collect();
    let message = format!(
        "{origin} says `{option} {address}`, and the group takes its packages from {}: \
         write [sources.NAME] with url = \"{address}\" and index = [\"NAME\", …] in the group, in the order to ask",
        names.join(", ")
    );
    Err(Failure::message(Exit::Usage, message))
}

/// # Errors
/// A file that was chosen has none of the hashes that a requirements file has for it. Where the index states hashes,
/// such a file was never a candidate.
pub fn have_hashes(
    spec: &Spec,
    lock: &Lock,
    environment: &MarkerEnvironment,
) -> Result<(), Failure> {
    for package in &lock.packages {
        let forbids = spec.rules.hashes.iter().find(|hashes| {
            hashes.forbid(&package.name, &package.version, &package.sha256, environment)
        });
        if let Some(hashes) = forbids {
            let message = format!(
                "{} has sha256 {}, and {} does not have that: find out which of the two is right",
                package.file, package.sha256, hashes.of.origin
            );
            return Err(Failure::message(Exit::Integrity, message));
        }
    }
    Ok(())
}

/// Which of the preferred versions were not taken, a sentence for each file; nothing where all were.
pub fn not_taken(spec: &Spec, lock: &Lock) -> Vec<String> {
    let mut files: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for (name, preferred) in spec.preferred() {
        let Some(package) = lock.package(&name) else { continue };
        let preferred_version = &preferred.version.version;
        let (all, others) = files.entry(&preferred.file).or_default();
        *all += 1;
        if package.version.clone().without_local() != preferred_version.clone().without_local() {
            others.push(format!("{name} {} ({preferred_version})", package.version));
        }
    }
    let sentence = |(file, (all, others)): (&str, (usize, Vec<String>))| {
        let taken = all - others.len();
        let others = others.join(", ");
        format!("{taken} of {all} packages have the version that {file} has; not {others}")
    };
    files.into_iter().filter(|(_, (_, others))| !others.is_empty()).map(sentence).collect()
}
