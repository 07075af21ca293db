//! Why a newer version is not in the set: the root cause, not a consequence.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{PackageName, Requirement, VerbatimUrl, VersionOrUrl};

use super::error::Error;
use super::explain::{Conflict, and};
use super::found::Settled;
use super::optional::Answer;
use super::provider::Provider;
use super::question::{Bounds, Floors, Question};
use super::range::range;
use super::run::{ENOUGH, Unsolved};
use crate::catalog::{Candidate, Catalog};
use crate::spec::RequirementSpec;
use crate::torch::TorchAbi;

/// How many facts fit on a line.
const ROOT_FACTS: usize = 4;

/// Why `newer` was not chosen, as the text after `instead of VERSION: `.
///
/// # Errors
/// The catalog failed.
pub(super) fn why(answer: &Answer, newer: &Candidate) -> Result<String, Error> {
    let Answer { question, required, provider, settled, .. } = answer;
    match reason(provider, settled, newer) {
        Reason::Root(why) => Ok(why),
        Reason::Consequence(why) => {
            let root = root(question, required, newer)?;
            Ok(root.unwrap_or(why))
        }
    }
}

/// The facts that leave no set with `newer` in it; `None`: there is one, or the facts are too many to be shown.
fn root(
    question: &Question,
    required: &[&RequirementSpec],
    newer: &Candidate,
) -> Result<Option<String>, Error> {
    let floors = Floors::from([(newer.name.clone(), newer.version.clone())]);
    let bounds = Bounds { floors, limit: Some(ENOUGH), ..Bounds::default() };
    let none = match question.any(required, bounds) {
        Err(Unsolved::NoSet(none)) => none,
        Ok(_) | Err(Unsolved::TooLong) => return Ok(None),
        Err(unsolved) => return Err(unsolved.into()),
    };
    let own = |fact: &&String| !fact.starts_with("you ask for ");
    let facts: Vec<_> = Conflict::of(&none).facts;
    let facts: Vec<_> = facts.iter().filter(own).map(String::as_str).collect();
    Ok(Some(facts.join("; ")).filter(|_| (1..=ROOT_FACTS).contains(&facts.len())))
}

/// Why a version was not chosen.
enum Reason {
    /// A root cause.
    Root(String),
    /// A consequence of something that is not reported elsewhere.
    Consequence(String),
}

fn reason(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    newer: &Candidate,
) -> Reason {
    let key = (newer.name.clone(), Some(newer.version.clone()));
    if let Some(why) = provider.refused.borrow().get(&key) {
        return Reason::Root(why.clone());
    }
    if newer.name.as_ref() == "torch"
        && let Some(why) = companion_without_wheel(provider, settled, &newer.version)
    {
        return Reason::Root(why);
    }
    if let (Some(abi), Some(torch)) =
        (TorchAbi::of(&newer.version), settled.iter().find(|(n, _)| n.as_ref() == "torch"))
    {
        let torch = &torch.1.candidate.version;
        let (major, minor) = (abi.major, abi.minor);
        return Reason::Root(format!(
            "its wheel is for torch {major}.{minor}, and torch is {torch}"
        ));
    }
    if let Some(why) = forbidden(provider, settled, newer) {
        return Reason::Root(why);
    }
    if let Some((other, why)) = does_not_fit(provider, settled, newer) {
        // A requirement that is behind has its own sentence.
        let is_requirement = provider.requirements.iter().any(|r| r.pep508.name == other);
        return if is_requirement { Reason::Root(why) } else { Reason::Consequence(why) };
    }
    match needs_what_is_refused(provider, newer) {
        Some(why) => Reason::Root(why),
        None => Reason::Consequence("it does not fit the rest of the set".to_owned()),
    }
}

/// What in the set forbids this version.
pub(super) fn forbidden(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    newer: &Candidate,
) -> Option<String> {
    let needs = |other: &Settled, requirement: &Requirement<VerbatimUrl>| {
        requirement.name == newer.name
            && requirement.evaluate_markers(provider.environment, &other.extras)
            && !allows(requirement, &newer.version)
    };
    settled.values().find_map(|other| {
        let requirement = other.metadata.requires.iter().find(|r| needs(other, r))?;
        let Candidate { name, version, .. } = &other.candidate;
        Some(format!("{name} {version} needs {}", plain(requirement)))
    })
}

/// What this version needs in another version than the set has it.
fn does_not_fit(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    newer: &Candidate,
) -> Option<(PackageName, String)> {
    let metadata = provider.catalog.metadata(newer).ok()?;
    let active = |r: &&Requirement<_>| r.evaluate_markers(provider.environment, &[]);
    metadata.requires.iter().filter(active).find_map(|requirement| {
        let other = settled.get(&requirement.name)?;
        let version = &other.candidate.version;
        let sentence = || {
            let name = &requirement.name;
            format!("it needs {}, and {name} is {version}", plain(requirement))
        };
        (!allows(requirement, version)).then(|| (requirement.name.clone(), sentence()))
    })
}

/// The dependency of `newer` of which no version can be used, with the reason of the newest one.
fn needs_what_is_refused(provider: &Provider, newer: &Candidate) -> Option<String> {
    let metadata = provider.catalog.metadata(newer).ok()?;
    let refused = provider.refused.borrow();
    metadata.requires.iter().filter(|r| r.evaluate_markers(provider.environment, &[])).find_map(
        |r| {
            let of_all = || refused.get(&(r.name.clone(), None));
            let of_newest = || {
                let project = provider.catalog.project(&r.name).ok()?;
                let version = &project.candidates.iter().find(|c| allows(r, &c.version))?.version;
                refused.get(&(r.name.clone(), Some(version.clone())))
            };
            let why = of_all().or_else(of_newest)?;
            Some(format!("it needs {}: {why}", plain(r)))
        },
    )
}

/// The PyG packages of the set that keep torch back the furthest, and the torch lines they have no
/// wheel for.
fn companion_without_wheel(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    newer: &Version,
) -> Option<String> {
    let newest = line(newer)?;
    let torch = provider.catalog.project(&"torch".parse().ok()?).ok()?;
    let mut limits: Vec<((u64, u64), &PackageName)> = Vec::new();
    for (name, s) in settled {
        if TorchAbi::of(&s.candidate.version).is_none() {
            continue;
        }
        let project = provider.catalog.project(name).ok()?;
        let lines = project.candidates.iter().filter_map(|c| TorchAbi::of(&c.version));
        let lines = lines.map(|abi| (abi.major, abi.minor)).filter(|line| *line <= newest);
        limits.extend(lines.max().map(|limit| (limit, name)));
    }
    let limit = limits.iter().map(|(limit, _)| *limit).min().filter(|limit| *limit < newest)?;
    let names: Vec<&PackageName> =
        limits.iter().filter(|(l, _)| *l == limit).map(|(_, name)| *name).collect();
    let lines = torch.candidates.iter().filter_map(|c| line(&c.version));
    let first = lines.filter(|line| *line > limit).min()?;
    let text = |(major, minor): (u64, u64)| format!("{major}.{minor}");
    let missing = match first == newest {
        true => text(newest),
        false => format!("{} to {}", text(first), text(newest)),
    };
    let have = if names.len() == 1 { "has" } else { "have" };
    Some(format!(
        "{} {have} no wheel for torch {missing} with {} yet",
        and(&names),
        provider.cuda()
    ))
}

fn line(version: &Version) -> Option<(u64, u64)> {
    match version.release() {
        &[major, minor, ..] => Some((major, minor)),
        _ => None,
    }
}

/// Without extras and marker: they do not matter here.
fn plain(requirement: &Requirement<VerbatimUrl>) -> String {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            format!("{}{specifiers}", requirement.name)
        }
        _ => requirement.name.to_string(),
    }
}

pub(super) fn allows(requirement: &Requirement<VerbatimUrl>, version: &Version) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => range(specifiers).contains(version),
        _ => true,
    }
}
