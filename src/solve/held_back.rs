//! Why a requirement did not get its newest version, in one sentence each.

use pep440_rs::Version;
use pep508_rs::{Requirement, VerbatimUrl};

use super::error::Error;
use super::explain::unusable;
use super::found::Settled;
use super::optional::Answer;
use super::provider::Provider;
use super::range::is_same_public;
use super::reason::{allows, forbidden, why};
use crate::catalog::{Candidate, Catalog, Project, Skip};

/// A sentence for every requirement whose newest final version was not chosen for another reason than the requirement
/// itself.
pub(super) fn held_back(answer: &Answer) -> Result<Vec<String>, Error> {
    let Answer { question, provider, settled, .. } = answer;
    let mut sentences = Vec::new();
    for requirement in &provider.requirements {
        let name = &requirement.pep508.name;
        let (Some(chosen), Ok(project)) = (settled.get(name), provider.catalog.project(name))
        else {
            continue;
        };
        let chosen = &chosen.candidate.version;
        let newer = |c: &&Candidate| {
            !c.version.any_prerelease()
                && !c.yanked
                && c.version > *chosen
                && allows(&requirement.pep508, &c.version)
        };
        // Staying with the lock is a choice, not an obstacle.
        if provider.kept.get(name).is_some_and(|kept| is_same_public(kept, chosen)) {
            continue;
        }
        sentences.extend(unusable_newer(provider, &requirement.pep508, &project, chosen));
        let Some(newest) = project.candidates.iter().find(newer) else { continue };
        let mut sentence =
            format!("{name} {chosen} instead of {}: {}", newest.version, why(answer, newest)?);
        // The newest cannot be used; why not the newest that can?
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

/// A final version of a requirement that is newer than all that can be used: it has no wheel for the target.
fn unusable_newer(
    provider: &Provider,
    requirement: &Requirement<VerbatimUrl>,
    project: &Project,
    chosen: &Version,
) -> Option<String> {
    let skipped = project.skipped.iter().find(|s| {
        !s.version.any_prerelease()
            && !s.version.is_local()
            && matches!(*s.why, Skip::NoWheel | Skip::NoMatchingWheel(_) | Skip::RequiresPython(_))
            && allows(requirement, &s.version)
    })?;
    let usable = project.candidates.first().map(|c| &c.version);
    let python = provider.environment.python_full_version().to_string();
    let why = unusable(skipped, &python);
    (Some(&skipped.version) > usable)
        .then(|| format!("{} {chosen} instead of {}: {why}", requirement.name, skipped.version))
}

/// A distribution that is no requirement, whose newest version nothing forbids, and that has an older one all the same.
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
