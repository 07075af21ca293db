//! What a user would not expect of the set that was chosen: a sentence each.

use std::collections::BTreeMap;

use pep508_rs::{ExtraName, PackageName};

use super::extras::offers;
use super::provider::Provider;
use super::solution::Settled;

/// All of them, by name.
pub(super) fn surprises(
    provider: &Provider,
    settled: &BTreeMap<PackageName, Settled>,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for (name, own) in settled {
        sentences.extend(missing_extras(provider, settled, name, own));
    }
    sentences
}

/// Somebody needs an extra that is not there.
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
