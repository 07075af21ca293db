//! Whether a lock still satisfies the spec. Needs nothing but the two.

use std::collections::BTreeSet;

use miette::Diagnostic;
use pep508_rs::PackageName;
use thiserror::Error;

use super::{Lock, Package};
use crate::digest::Sha256;
use crate::exit::{Classified, Exit};
use crate::python::marker_environment;
use crate::spec::{ProfileName, RequirementSpec, SourceName, Spec};

/// Why the lock cannot be used for this spec as it is, a sentence each; empty: it can.
pub fn stale(lock: &Lock, spec: &Spec) -> Vec<String> {
    let mut reasons = Vec::new();
    if lock.profile != spec.profile {
        let name = |profile: &Option<ProfileName>| match profile {
            Some(name) => format!("the profile {name}"),
            None => "no profile".to_owned(),
        };
        let (locked, requested) = (name(&lock.profile), name(&spec.profile));
        reasons.push(format!("it is the lock of {locked}, and {requested} is asked for"));
    }
    if lock.spec_sha256 != spec.sha256() {
        reasons.extend(changes(lock, spec));
        if reasons.is_empty() {
            reasons.push("the spec changed since the lock was written".to_owned());
        }
    }
    reasons.extend(lock.unpinned());
    reasons
}

/// A file whose bytes are not the ones that were locked under its name.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[error("{file} has sha256 {found} in the source {source_name} now, but the lock says {locked}")]
#[diagnostic(help(
    "the file was changed under its name; find out why before you accept it with `envlock resolve --upgrade {name}`"
))]
pub struct Replaced {
    /// The distribution.
    pub name: PackageName,
    /// The wheel.
    pub file: String,
    /// Where it comes from.
    pub source_name: SourceName,
    /// In the lock.
    pub locked: Sha256,
    /// Today.
    pub found: Sha256,
}

impl Classified for Replaced {
    fn exit(&self) -> Exit {
        Exit::Integrity
    }
}

/// The first file of `new` that has other bytes than `old` has for it, from the same source, and that
/// may not change.
pub fn replaced(
    old: &Lock,
    new: &Lock,
    may_change: impl Fn(&PackageName) -> bool,
) -> Option<Replaced> {
    new.packages.iter().filter(|p| !may_change(&p.name)).find_map(|package| {
        let before = old.package(&package.name).filter(|before| {
            let source = |p: &Package| p.locations.first().map(|l| l.source.clone());
            before.file == package.file
                && source(before) == source(package)
                && before.sha256 != package.sha256
        })?;
        Some(Replaced {
            name: package.name.clone(),
            file: package.file.clone(),
            source_name: package.locations.first()?.source.clone(),
            locked: before.sha256,
            found: package.sha256,
        })
    })
}

fn changes(lock: &Lock, spec: &Spec) -> Vec<String> {
    let mut changes = Vec::new();
    // A requirement whose marker does not hold here is not checked.
    let environment = marker_environment(lock.target.platform, &lock.python.version);
    let active =
        |requirement: &RequirementSpec| requirement.pep508.evaluate_markers(&environment, &[]);
    for (group, requirement) in spec.requirements().filter(|(_, requirement)| active(requirement)) {
        let name = &requirement.pep508.name;
        let text = requirement.written();
        match lock.package(name) {
            // An optional one may have been left out because it did not fit.
            None if requirement.optional => {}
            None => changes.push(format!("{name} is asked for and not locked")),
            Some(locked) if !locked.requested.contains(&text) => {
                changes.push(format!(
                    "{text} is asked for; the lock answers {}",
                    or_nothing(&locked.requested)
                ));
            }
            Some(locked)
                if !requirement
                    .sources
                    .iter()
                    .any(|s| locked.locations.iter().any(|l| l.source == *s)) =>
            {
                changes.push(format!(
                    "{name} is to come from another source than {}",
                    locked.locations[0].source
                ));
            }
            Some(locked)
                if locked.group != *group
                    && !spec.groups.iter().any(|g| g.name == locked.group) =>
            {
                changes.push(format!("the group {} of {name} is gone", locked.group));
            }
            Some(_) => {}
        }
    }
    changes.extend(rules(lock, spec));
    for gpu in &spec.target.gpus {
        if !lock.target.arch_list.iter().any(|arch| arch.runs_on(*gpu)) {
            changes.push(format!("it was not checked for GPUs of compute capability {gpu}"));
        }
    }
    if !spec.cuda_allow.iter().eq(&lock.target.cuda_allow) {
        let names = |names: &mut dyn Iterator<Item = &PackageName>| {
            let names: Vec<_> = names.map(PackageName::to_string).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        changes.push(format!(
            "[cuda] allow permits {}; the lock was made with {}",
            names(&mut spec.cuda_allow.iter()),
            names(&mut lock.target.cuda_allow.iter())
        ));
    }
    changes.extend(about_times(lock, spec));
    let asked: BTreeSet<_> = spec
        .requirements()
        .filter(|(_, w)| active(w))
        .map(|(_, r)| r.pep508.name.clone())
        .collect();
    let dropped =
        lock.packages.iter().filter(|p| !p.requested.is_empty() && !asked.contains(&p.name));
    changes.extend(dropped.map(|p| format!("{} is locked and no longer asked for", p.name)));
    let differs = |what: &str, locked: &str, requested: &str| {
        (locked != requested)
            .then(|| format!("{what} is {requested} in the spec and {locked} in the lock"))
    };
    changes.extend(differs("the runtime base", &lock.base.runtime.reference, &spec.base.runtime));
    changes.extend(differs("the devel base", &lock.base.devel.reference, &spec.base.devel));
    changes.extend(differs(
        "the CUDA tag",
        &lock.target.cuda_tag.to_string(),
        &spec.target.cuda.to_string(),
    ));
    changes
}

/// The rules that changed since the lock was made.
fn rules(lock: &Lock, spec: &Spec) -> Vec<String> {
    let mut changes = Vec::new();
    for package in &lock.packages {
        let now = spec.rules_of(&package.name, &package.version);
        let new = now.iter().filter(|rule| !package.rules.contains(rule));
        changes.extend(new.map(|rule| format!("{} was locked without the {rule}", package.name)));
        let gone = package.rules.iter().filter(|rule| !now.contains(rule));
        changes.extend(gone.map(|rule| format!("{} was locked with the {rule}", package.name)));
    }
    changes
}

/// Whether the upload times in the lock satisfy the spec's cut-offs.
fn about_times(lock: &Lock, spec: &Spec) -> Vec<String> {
    let cut_off = |p: &Package| {
        // An address in the spec is a choice already.
        let source =
            p.locations.first().map(|l| &l.source).filter(|s| **s != SourceName::direct())?;
        spec.cut_off(&p.name, source)
    };
    let undated = lock.packages.iter().filter(|p| p.uploaded.is_none()).find_map(cut_off);
    let mut changes: Vec<String> = undated
        .map(|cut_off| {
            let asked = format!("only files from before {cut_off} are asked for");
            format!("{asked}, and the lock was made without a cut-off")
        })
        .into_iter()
        .collect();
    if lock.packages.iter().any(|p| p.uploaded.is_some() && cut_off(p).is_none()) {
        changes.push("the lock was made with a cut-off, and the spec has none".to_owned());
    }
    let late = |p: &Package| {
        let cut_off = cut_off(p)?;
        let is_late = p.uploaded.is_some_and(|at| at >= cut_off.at);
        is_late.then(|| format!("{} is not from before {cut_off}", p.name))
    };
    changes.extend(lock.packages.iter().filter_map(late));
    changes
}

fn or_nothing(requested: &[String]) -> String {
    if requested.is_empty() { "nothing of that name".to_owned() } else { requested.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::format::tests::sample;
    use crate::spec::parse;

    #[test]
    fn a_lock_is_stale_exactly_when_the_spec_asks_for_something_else() {
        let text = "[python]\nsource = \"base\"\n[base]\nruntime = \"docker.io/nvidia/cuda:base\"\ndevel = \"docker.io/nvidia/cuda:devel\"\n[groups.python]\npackages = [\"pip\"]\n[groups.torch]\npackages = [\"torch\"]\nindex = [\"pypi\"]\n[groups.ray]\npackages = [\"ray\"]\n[groups.marimo]\npackages = [\"marimo\"]\n";
        let spec = parse("test", text).unwrap();
        let mut lock = sample();
        lock.spec_sha256 = spec.sha256();
        assert_eq!(stale(&lock, &spec), Vec::<String>::new());
        let changed = parse(
            "test",
            &text.replace("\"ray\"", "\"ray[data]\"").replace("\"marimo\"", "\"numpy\""),
        )
        .unwrap();
        assert_eq!(
            stale(&lock, &changed),
            [
                "ray[data] is asked for; the lock answers ray",
                "numpy is asked for and not locked",
                "marimo is locked and no longer asked for",
            ]
        );
        lock.base.runtime.digests = None;
        lock.profile = "cpu".parse().ok();
        let reasons = stale(&lock, &spec);
        assert_eq!(reasons.len(), 2);
        assert_eq!(reasons[0], "it is the lock of the profile cpu, and no profile is asked for");
    }
}
