//! Why a wish did not get its newest version, in one sentence each.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl};
use schemars::JsonSchema;
use serde::Serialize;

use super::decided::Decided;
use super::explain::{Conflict, and, unusable};
use super::preferred::{self, Answer};
use super::provider::{Bounds, Floors, Provider, is_same_public};
use super::question::{ENOUGH, Question, Unsolved};
use super::range::range;
use super::solution::{Error, Settled};
use crate::catalog::{Candidate, Catalog, Problem, Project, Skip};
use crate::spec::{Preferred, Spec, Wish};
use crate::torch::TorchAbi;

/// So many facts fit a line.
const ROOT_FACTS: usize = 4;

/// A sentence for every wish whose newest final version was passed over for a reason that is not
/// the wish's own.
pub(super) fn held_back(answer: &Answer) -> Result<Vec<String>, Error> {
    let Answer { question, provider, settled, .. } = answer;
    let mut sentences = Vec::new();
    for wish in &provider.wishes {
        let name = &wish.requirement.name;
        let (Some(chosen), Ok(project)) = (settled.get(name), provider.catalog.project(name))
        else {
            continue;
        };
        let chosen = &chosen.candidate.version;
        let newer = |c: &&Candidate| {
            !c.version.any_prerelease()
                && !c.yanked
                && c.version > *chosen
                && allows(&wish.requirement, &c.version)
        };
        // Staying with the lock is a choice, not an obstacle.
        if provider.kept.get(name).is_some_and(|kept| is_same_public(kept, chosen)) {
            continue;
        }
        sentences.extend(unusable_newer(provider, &wish.requirement, &project, chosen));
        let Some(newest) = project.candidates.iter().find(newer) else { continue };
        let mut sentence =
            format!("{name} {chosen} instead of {}: {}", newest.version, why(answer, newest)?);
        // The newest is impossible; what about the one that is not?
        if let Some(other) = provider.ladder(name).newest()
            && other > chosen
            && *other != newest.version
            && let Some(other) = project.candidates.iter().find(|c| c.version == *other)
        {
            sentence += &format!("; not {} either: {}", other.version, why(answer, other)?);
        }
        if let Some(cost) = answer.gives_way.get(name) {
            sentence += &format!("; {cost}");
        }
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    for (name, own) in settled {
        if !question.spec.asked_for().contains(name) {
            sentences.extend(gave_way(answer, own)?);
        }
    }
    Ok(sentences)
}

/// A final version of a wish that is newer than all that can be used: it has no wheel for the target.
fn unusable_newer(
    provider: &Provider,
    wish: &Requirement<VerbatimUrl>,
    project: &Project,
    chosen: &Version,
) -> Option<String> {
    let skipped = project.skipped.iter().find(|s| {
        !s.version.any_prerelease()
            && !s.version.is_local()
            && matches!(*s.why, Skip::NoWheel | Skip::NoMatchingWheel(_) | Skip::RequiresPython(_))
            && allows(wish, &s.version)
    })?;
    let usable = project.candidates.first().map(|c| &c.version);
    let python = provider.environment.python_full_version().to_string();
    let why = unusable(skipped, &python);
    (Some(&skipped.version) > usable)
        .then(|| format!("{} {chosen} instead of {}: {why}", wish.name, skipped.version))
}

/// A distribution that nobody asks for, nobody forbids in its newest version, and that is not in it all the same.
fn gave_way(answer: &Answer, own: &Settled) -> Result<Option<String>, Error> {
    let Answer { provider, settled, .. } = answer;
    let Candidate { name, version, .. } = &own.candidate;
    let Ok(project) = provider.catalog.project(name) else { return Ok(None) };
    let newer = |c: &&Candidate| !c.version.any_prerelease() && !c.yanked && c.version > *version;
    let Some(newest) = project.candidates.iter().find(newer) else { return Ok(None) };
    if provider.kept.get(name) == Some(version) || forbidden(provider, settled, newest).is_some() {
        return Ok(None);
    }
    let why = why(answer, newest)?;
    Ok(Some(format!("{name} {version} instead of {}: {why}", newest.version)))
}

/// What keeps `newer` out: its root, not a consequence.
fn why(answer: &Answer, newer: &Candidate) -> Result<String, Error> {
    let Answer { question, required, provider, settled, .. } = answer;
    match reason(provider, settled, newer) {
        Reason::Root(why) => Ok(why),
        Reason::Consequence(why) => {
            let root = root(question, required, newer)?;
            Ok(root.unwrap_or(why))
        }
    }
}

/// The facts that leave no set with `newer` in it; `None`: there is one, or the facts are too many to be told.
fn root(
    question: &Question,
    required: &[&Wish],
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

/// A locked distribution of which there is a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Behind {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// Whether the spec asks for it.
    pub requested: bool,
    /// The version in the lock.
    #[schemars(with = "String")]
    pub locked: Version,
    /// The newer version that a full upgrade takes.
    #[schemars(with = "Option<String>")]
    pub fits: Option<Version>,
    /// The newest there is.
    #[schemars(with = "String")]
    pub newest: Version,
    /// What keeps a full upgrade from the newest.
    pub why: Option<String>,
    /// Whether the locked file was withdrawn.
    pub withdrawn: bool,
}

/// What is locked of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// Its version.
    pub version: Version,
    /// The wheel.
    pub file: String,
}

/// What a full upgrade would and would not move, wishes first.
pub fn behind(
    spec: &Spec,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    locked: &BTreeMap<PackageName, LockedFile>,
) -> Result<Vec<Behind>, Error> {
    let preferred = spec.preferred();
    let version =
        |(name, p): (&PackageName, &&Preferred)| (name.clone(), p.version.version.clone());
    let kept = preferred.iter().map(version).collect();
    let decided = Decided::new(catalog, &spec.rules, environment);
    let answer = preferred::answer(spec, environment, &decided, &kept)?;
    let settled = &answer.settled;
    let mut found = Vec::new();
    for (name, LockedFile { version: locked, file }) in locked {
        let project = match catalog.project(name) {
            Ok(project) => project,
            Err(Problem::Stop(why)) => return Err(Error::Catalog(why)),
            Err(Problem::NotFound(_) | Problem::Unusable(_)) => continue,
        };
        let is_usable = |c: &&Candidate| !c.yanked && !c.version.any_prerelease();
        let withdrawn = project.withdrawn.contains(file);
        let newer = |c: &&Candidate| c.version > *locked || withdrawn;
        let newest = project.candidates.iter().find(is_usable).filter(newer);
        let Some(newest) = newest else { continue };
        let wishes = spec.wishes().map(|(_, w)| &w.requirement).filter(|r| r.name == *name);
        let wishes: Vec<_> = wishes.collect();
        let requested = !wishes.is_empty();
        let now = settled.get(name).map(|s| &s.candidate.version);
        let ruled = decided.why_not(name, &newest.version);
        let why = match (now, wishes.iter().find(|r| !allows(r, &newest.version))) {
            (Some(now), _) if *now >= newest.version => None,
            (Some(_), None) if ruled.is_some() => ruled,
            (Some(now), None)
                if let Some(p) = preferred.get(name)
                    && is_same_public(&p.version.version, now) =>
            {
                Some(format!("{} has {now}", p.file))
            }
            (_, Some(wish)) => Some(format!("you ask for {wish}")),
            (Some(_), None) => Some(why(&answer, newest)?),
            (None, None) => Some("a full upgrade does not need it".to_owned()),
        };
        let fits = now.filter(|now| *now > locked || withdrawn && *now != locked).cloned();
        let (name, locked, newest) = (name.clone(), locked.clone(), newest.version.clone());
        found.push(Behind { name, requested, locked, fits, newest, why, withdrawn });
    }
    found.sort_by_key(|b| !b.requested);
    Ok(found)
}

/// Why a version was passed over.
enum Reason {
    /// There is nothing behind it.
    Root(String),
    /// Something is, which is not told elsewhere.
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
        // A wish that is behind has its own sentence.
        let is_wish = provider.wishes.iter().any(|w| w.requirement.name == other);
        return if is_wish { Reason::Root(why) } else { Reason::Consequence(why) };
    }
    match needs_what_is_refused(provider, newer) {
        Some(why) => Reason::Root(why),
        None => Reason::Consequence("it does not fit the rest of the set".to_owned()),
    }
}

/// Who of the set forbids this version.
fn forbidden(
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
            "a 3.0rc1:\na 2.0: c<3\na 1.0: c<3\nb 2.0:\nb 1.0:\nc 3.0:\nc 2.0:\nc 1.0:\nd 1.0:\ne 2.0:\nf 2.0!yanked:\nf 1.0:",
        );
        let locked =
            ["a 1.0", "b 1.0", "c 1.0", "d 1.0", "e 1.0", "f 2.0", "gone 1.0"].map(|text| {
                let (name, version) = text.split_once(' ').unwrap();
                let file = format!("{name}-{version}-py3-none-any.whl");
                (name.parse().unwrap(), LockedFile { version: version.parse().unwrap(), file })
            });
        let spec = spec("g: a; b<2; d; f");
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
                "f 2.0 1.0 1.0 ",
                "c 1.0 2.0 3.0 a 2.0 needs c<3",
                "e 1.0  2.0 a full upgrade does not need it",
            ]
        );
    }
}
