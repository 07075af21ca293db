//! Why a wish did not get its newest version, in one sentence each.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{PackageName, Requirement, VerbatimUrl, VersionOrUrl};

use super::abi::TorchAbi;
use super::explain::and;
use super::provider::Provider;
use super::range::range;
use super::solution::Settled;
use crate::index::Candidate;

/// A sentence for every wish whose newest final version was passed over for a reason that is not
/// the wish's own.
pub(super) fn held_back(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for wish in &provider.wishes {
        let name = &wish.requirement.name;
        let (Some(chosen), Ok(project)) = (settled.get(name), provider.catalog.project(name))
        else {
            continue;
        };
        let newest = project.candidates.iter().find(|c| {
            !c.version.any_prerelease()
                && !c.yanked
                && c.version > chosen.candidate.version
                && allows(&wish.requirement, &c.version)
        });
        let Some(newest) = newest else { continue };
        // Staying with the lock is a choice, not an obstacle.
        if provider.kept.get(name) == Some(&chosen.candidate.version) {
            continue;
        }
        let why = reason(provider, settled, newest);
        let sentence =
            format!("{name} {} instead of {}: {why}", chosen.candidate.version, newest.version);
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

fn reason(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    newer: &Candidate,
) -> String {
    let key = (newer.name.clone(), Some(newer.version.clone()));
    if let Some(why) = provider.refused.borrow().get(&key) {
        return why.clone();
    }
    if newer.name.as_ref() == "torch"
        && let Some(why) = companion_without_wheel(provider, settled, &newer.version)
    {
        return why;
    }
    if let (Some(abi), Some(torch)) =
        (TorchAbi::of(&newer.version), settled.iter().find(|(n, _)| n.as_ref() == "torch"))
    {
        let torch = &torch.1.candidate.version;
        return format!("its wheel is for torch {}.{}, and torch is {torch}", abi.major, abi.minor);
    }
    let needs = |other: &Settled, requirement: &Requirement<VerbatimUrl>| {
        requirement.name == newer.name
            && requirement.evaluate_markers(provider.environment, &other.extras)
            && !allows(requirement, &newer.version)
    };
    for other in settled.values() {
        if let Some(requirement) = other.metadata.requires.iter().find(|r| needs(other, r)) {
            return format!(
                "{} {} needs {requirement}",
                other.candidate.name, other.candidate.version
            );
        }
    }
    if let Ok(metadata) = provider.catalog.metadata(newer) {
        for requirement in
            metadata.requires.iter().filter(|r| r.evaluate_markers(provider.environment, &[]))
        {
            if let Some(other) = settled.get(&requirement.name)
                && !allows(requirement, &other.candidate.version)
            {
                return format!(
                    "it needs {requirement}, and {} is {}",
                    requirement.name, other.candidate.version
                );
            }
        }
    }
    "it does not fit the rest of the set".to_owned()
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
    Some(format!("{} {have} no wheel for torch {missing} with {} yet", and(&names), provider.cuda))
}

fn line(version: &Version) -> Option<(u64, u64)> {
    match version.release() {
        &[major, minor, ..] => Some((major, minor)),
        _ => None,
    }
}

fn allows(requirement: &Requirement<VerbatimUrl>, version: &Version) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => range(specifiers).contains(version),
        _ => true,
    }
}
