//! Why a wish did not get its newest version, in one sentence each.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl};
use serde::Serialize;

use super::abi::TorchAbi;
use super::explain::and;
use super::preferred::{self, Answer};
use super::provider::Provider;
use super::range::range;
use super::solution::{Error, Settled};
use super::{Catalog, Problem};
use crate::index::Candidate;
use crate::spec::Spec;

/// A sentence for every wish whose newest final version was passed over for a reason that is not
/// the wish's own.
pub(super) fn held_back(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    gives_way: &BTreeMap<PackageName, String>,
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
        let mut sentence =
            format!("{name} {} instead of {}: {why}", chosen.candidate.version, newest.version);
        if let Some(cost) = gives_way.get(name) {
            sentence += &format!("; {cost}");
        }
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// A locked distribution of which there is a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Its name.
    pub name: PackageName,
    /// Whether the spec asks for it.
    pub wish: bool,
    /// The version in the lock.
    pub locked: Version,
    /// The newer version that a full upgrade takes.
    pub fits: Option<Version>,
    /// The newest there is.
    pub newest: Version,
    /// What keeps a full upgrade from the newest.
    pub why: Option<String>,
}

/// What a full upgrade would and would not move, wishes first.
pub fn behind(
    spec: &Spec,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    locked: &BTreeMap<PackageName, Version>,
) -> Result<Vec<Behind>, Error> {
    let kept = BTreeMap::new();
    let Answer { provider, settled, .. } = preferred::answer(spec, environment, catalog, &kept)?;
    let mut found = Vec::new();
    for (name, locked) in locked {
        let project = match catalog.project(name) {
            Ok(project) => project,
            Err(Problem::Stop(why)) => return Err(Error::Catalog(why)),
            Err(Problem::NotFound(_) | Problem::Unusable(_)) => continue,
        };
        let is_usable = |c: &&Candidate| !c.yanked && !c.version.any_prerelease();
        let newest = project.candidates.iter().find(is_usable).filter(|c| c.version > *locked);
        let Some(newest) = newest else { continue };
        let wishes = spec.wishes().map(|(_, w)| &w.requirement).filter(|r| r.name == *name);
        let wishes: Vec<_> = wishes.collect();
        let wish = !wishes.is_empty();
        let now = settled.get(name).map(|s| &s.candidate.version);
        let why = match (now, wishes.iter().find(|r| !allows(r, &newest.version))) {
            (Some(now), _) if *now >= newest.version => None,
            (_, Some(wish)) => Some(format!("you ask for {wish}")),
            (Some(_), None) => Some(reason(&provider, &settled, newest)),
            (None, None) => Some("a full upgrade does not need it".to_owned()),
        };
        let fits = now.filter(|now| *now > locked).cloned();
        let (name, locked, newest) = (name.clone(), locked.clone(), newest.version.clone());
        found.push(Behind { name, wish, locked, fits, newest, why });
    }
    found.sort_by_key(|b| !b.wish);
    Ok(found)
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
                "{} {} needs {}",
                other.candidate.name,
                other.candidate.version,
                plain(requirement)
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
                    "it needs {}, and {} is {}",
                    plain(requirement),
                    requirement.name,
                    other.candidate.version
                );
            }
        }
    }
    needs_what_is_refused(provider, newer)
        .unwrap_or_else(|| "it does not fit the rest of the set".to_owned())
}

/// What `newer` needs and nothing can be taken of, with the reason of the newest that it would take.
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
    Some(format!("{} {have} no wheel for torch {missing} with {} yet", and(&names), provider.cuda))
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

fn allows(requirement: &Requirement<VerbatimUrl>, version: &Version) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => range(specifiers).contains(version),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::fixture::{MapCatalog, environment, spec};

    #[test]
    fn newer_versions_are_told_with_what_holds_them_back_wishes_first() {
        let catalog = MapCatalog::new(
            "a 3.0rc1:\na 2.0: c<3\na 1.0: c<3\nb 2.0:\nb 1.0:\nc 3.0:\nc 2.0:\nc 1.0:\nd 1.0:\ne 2.0:",
        );
        let locked = ["a 1.0", "b 1.0", "c 1.0", "d 1.0", "e 1.0", "gone 1.0"].map(|text| {
            let (name, version) = text.split_once(' ').unwrap();
            (name.parse().unwrap(), version.parse().unwrap())
        });
        let spec = spec("g: a; b<2; d");
        let found = behind(&spec, &environment(), &catalog, &BTreeMap::from(locked)).unwrap();
        let line = |b: &Behind| {
            let fits = b.fits.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{} {} {fits} {} {}",
                b.name,
                b.locked,
                b.newest,
                b.why.clone().unwrap_or_default()
            )
        };
        assert_eq!(
            found.iter().map(line).collect::<Vec<_>>(),
            [
                "a 1.0 2.0 2.0 ",
                "b 1.0  2.0 you ask for b<2",
                "c 1.0 2.0 3.0 a 2.0 needs c<3",
                "e 1.0  2.0 a full upgrade does not need it",
            ]
        );
    }
}
