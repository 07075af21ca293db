//! What more than one registry does.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

use super::Rule;
use super::recorded::{fill, recorded};
use super::request::{Part, Wanted, reads};
use crate::support::{Asked, Change, Harm, Recorded};

/// Requests of this kind get this answer.
pub fn answers(
    answer: Recorded,
    when: impl Fn(&Asked, Wanted<'_>) -> bool + Send + Sync + 'static,
) -> Rule {
    Box::new(move |asked, _| {
        let wanted = Wanted::of(asked)?;
        let values = [("repository", wanted.repository)];
        when(asked, wanted).then(|| Harm::Recorded(fill(&answer, &values)))
    })
}

/// There is no referrers API; so this is answered.
pub fn no_referrers(answer: Recorded) -> Rule {
    answers(answer, |_, wanted| matches!(wanted.part, Part::Referrers(_)))
}

/// Nothing is mounted from other repositories.
pub fn no_mounts() -> Rule {
    Box::new(|asked, _| asked.path.contains("mount=").then_some(Harm::NoMount))
}

/// A tag is written once, and never again.
pub fn immutable_tags(answer: Recorded) -> Rule {
    Box::new(move |asked, behind| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "PUT")?;
        let tag = wanted.tag()?;
        behind.digest(wanted.repository, tag)?;
        let values = [("repository", wanted.repository), ("tag", tag)];
        Some(Harm::Recorded(fill(&answer, &values)))
    })
}

/// So many reads after a write of a tag see what was there before.
pub fn stale_tags(reads_of_old: usize) -> Rule {
    type Old = (Option<String>, usize);
    let old: Mutex<HashMap<(String, String), Old>> = Mutex::default();
    Box::new(move |asked, behind| {
        let wanted = Wanted::of(asked)?;
        let tag = wanted.tag()?;
        let key = (wanted.repository.to_owned(), tag.to_owned());
        if asked.method == "PUT" {
            let before = behind.digest(wanted.repository, tag);
            old.lock().unwrap().insert(key, (before, reads_of_old));
            return None;
        }
        let mut old = old.lock().unwrap();
        let (before, left) = old.get_mut(&key).filter(|(_, left)| *left > 0 && reads(asked))?;
        *left -= 1;
        Some(match before {
            Some(digest) => {
                let path = format!("/v2/{}/manifests/{digest}", wanted.repository);
                Harm::Changed(Change { path: Some(path), ..Change::default() })
            }
            None => Harm::Recorded(recorded("any", "GET manifests/TAG that is not there (yet)")),
        })
    })
}

/// Manifests must be of these types in what they say of themselves and of their config, and, where such are given, of
/// their layers.
pub fn known_types(
    known: &'static [&'static str],
    layers: Option<&'static [&'static str]>,
    answer: Recorded,
) -> Rule {
    Box::new(move |asked, _| {
        let wanted = Wanted::of(asked).filter(|_| asked.method == "PUT")?;
        let Part::Manifest(_) = wanted.part else { return None };
        let manifest: Value = serde_json::from_slice(&asked.body).unwrap();
        let own = [&manifest["artifactType"], &manifest["config"]["mediaType"]];
        let strange = own.into_iter().filter_map(Value::as_str).find(|t| !known.contains(t));
        let below = manifest["layers"].as_array().into_iter().flatten();
        let below = below.filter_map(|layer| layer["mediaType"].as_str());
        let strange =
            strange.or_else(|| layers.and_then(|list| below.clone().find(|t| !list.contains(t))));
        Some(Harm::Recorded(fill(&answer, &[("type", strange?)])))
    })
}
