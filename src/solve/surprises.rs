//! What is unexpected in the chosen set: a sentence each.

use std::collections::BTreeMap;

use pep508_rs::{ExtraName, PackageName};

use super::explain::unusable;
use super::extras::offers;
use super::found::Settled;
use super::provider::Provider;
use super::range::names_prerelease;
use crate::catalog::{Candidate, Catalog};
use crate::spec::Prereleases;

/// All of them, by name.
pub(super) fn surprises(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for (name, own) in settled {
        sentences.extend(missing_extras(provider, settled, name, own));
        sentences.extend(pre_release(provider, settled, own));
        sentences.extend(withdrawn(provider, own));
    }
    sentences
}

/// A pre-release that no requirement names.
fn pre_release(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    own: &Settled,
) -> Option<String> {
    let Candidate { name, version, .. } = &own.candidate;
    let is_asked_for =
        provider.requirements.iter().any(|r| r.pep508.name == *name && names_prerelease(&r.pep508));
    let is_allowed = provider.catalog.prereleases(name) == Some(Prereleases::Allow)
        || provider.catalog.names_prerelease(name);
    if !version.any_prerelease() || is_asked_for || is_allowed {
        return None;
    }
    let names_one = |other: &&Settled| {
        other.metadata.requires.iter().any(|r| {
            r.name == *name
                && names_prerelease(r)
                && r.evaluate_markers(provider.environment, &other.extras)
        })
    };
    if let Some(needy) = settled.values().find(names_one) {
        let (needy, its) = (&needy.candidate.name, &needy.candidate.version);
        return Some(format!("{name} {version} is a pre-release: {needy} {its} asks for one"));
    }
    let project = provider.catalog.project(name).ok()?;
    let skipped = project.skipped.iter().find(|s| !s.version.any_prerelease());
    let python = provider.environment.python_full_version().to_string();
    let why = match skipped {
        Some(skipped) => {
            format!("no final version can be used here: {name} {}", unusable(skipped, &python))
        }
        None => "there is no final version yet".to_owned(),
    };
    Some(format!("{name} {version} is a pre-release: {why}"))
}

/// A wheel that its authors withdrew.
fn withdrawn(provider: &Provider, own: &Settled) -> Option<String> {
    let Candidate { name, version, yanked, .. } = &own.candidate;
    if !yanked {
        return None;
    }
    Some(match provider.kept.get(name) == Some(version) {
        true => format!(
            "{name} {version} of the lock was withdrawn since (yanked); `envlock resolve --upgrade {name}` takes another"
        ),
        false => format!("{name} {version} was withdrawn (yanked), and `==` leaves nothing else"),
    })
}

/// Something needs an extra that does not exist.
fn missing_extras(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
    name: &PackageName,
    own: &Settled,
) -> Vec<String> {
    let version = &own.candidate.version;
    let lacks = |extra: &&ExtraName| !offers(&own.metadata, extra, provider.environment);
    let sentence = |extra: &ExtraName| {
        let needs = |other: &&Settled| {
            other.metadata.requires.iter().any(|r| {
                r.name == *name
                    && r.extras.contains(extra)
                    && (r.evaluate_markers(provider.environment, &other.extras))
            })
        };
        let needy = &settled.values().find(needs)?.candidate;
        Some(format!(
            "{} {} needs {name}[{extra}], and {name} {version} has no extra `{extra}`: nothing is installed for it",
            needy.name, needy.version
        ))
    };
    own.extras.iter().filter(lacks).filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::solve;

    fn sentences(groups: &str, catalog: &str, kept: &[(&str, &str)]) -> Vec<String> {
        let kept = kept.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        solve(&spec(groups), &environment(), &MapCatalog::new(catalog), &kept).unwrap().surprises
    }

    #[test]
    fn a_pre_release_that_no_requirement_names_is_told_with_the_reason() {
        let sentences_of = |groups: &str, catalog: &str| sentences(groups, catalog, &[]);
        let deepspeed = "deepspeed 0.19.0.dev1:\ndeepspeed 0.18.0!sdist";
        assert_eq!(
            sentences_of("g: deepspeed", deepspeed),
            [
                "deepspeed 0.19.0.dev1 is a pre-release: no final version can be used here: deepspeed 0.18.0 is only a source distribution, and envlock compiles nothing"
            ]
        );
        assert_eq!(sentences_of("g: deepspeed>=0.19.dev0", deepspeed), [""; 0]);
        assert_eq!(
            sentences_of("g: a", "a 1.0: b>=2.0b1\nb 2.0b1:\nb 1.0:"),
            ["b 2.0b1 is a pre-release: a 1.0 asks for one"]
        );
        assert_eq!(
            sentences_of("g: a", "a 1.0b1:"),
            ["a 1.0b1 is a pre-release: there is no final version yet"]
        );
    }

    #[test]
    fn a_withdrawn_version_is_told_whether_it_is_pinned_or_locked() {
        let catalog = "a 2.0!yanked:\na 1.0:";
        assert_eq!(
            sentences("g: a==2.0", catalog, &[]),
            ["a 2.0 was withdrawn (yanked), and `==` leaves nothing else"]
        );
        assert_eq!(
            sentences("g: a", catalog, &[("a", "2.0")]),
            [
                "a 2.0 of the lock was withdrawn since (yanked); `envlock resolve --upgrade a` takes another"
            ]
        );
    }

    #[test]
    fn what_is_final_and_newest_is_no_surprise() {
        assert_eq!(sentences("g: a", "a 2.0rc1:\na 1.0: b\nb 1.0:", &[]), [""; 0]);
    }
}
