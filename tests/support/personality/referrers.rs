//! The referrers API of distribution spec 1.1, which docker-registry 2.8 does not have.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::Rule;
use super::request::{Part, Wanted};
use crate::support::registry::MANIFEST;
use crate::support::{Asked, Change, Harm, INDEX, Recorded};

use envlock::digest::Digest;

/// Repository and subject → what is about it, by digest.
type Known = BTreeMap<(String, String), BTreeMap<String, Value>>;

/// Manifests with a subject are listed, and their writers told so.
pub fn referrers_api() -> Rule {
    let known: Mutex<Known> = Mutex::default();
    Box::new(move |asked, behind| {
        let wanted = Wanted::of(asked)?;
        let mut known = known.lock().unwrap();
        match (&*asked.method, wanted.part) {
            ("PUT", Part::Manifest(_)) => {
                let (subject, entry) = described(asked)?;
                let place = (wanted.repository.to_owned(), subject.clone());
                let digest = entry["digest"].as_str().unwrap().to_owned();
                known.entry(place).or_default().insert(digest, entry);
                let set = vec![("OCI-Subject", subject)];
                Some(Harm::Changed(Change { set, ..Change::default() }))
            }
            ("GET", Part::Referrers(subject)) => {
                let place = (wanted.repository.to_owned(), subject.to_owned());
                let listed = known.get(&place).into_iter().flatten();
                let there =
                    listed.filter(|(digest, _)| behind.digest(wanted.repository, digest).is_some());
                let manifests: Vec<_> = there.map(|(_, entry)| entry).collect();
                let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
                let headers = vec![("Content-Type".to_owned(), INDEX.to_owned())];
                Some(Harm::Recorded(Recorded { status: 200, headers, body: body.to_string() }))
            }
            _ => None,
        }
    })
}

/// The subject of a manifest, and the manifest as a list shows it.
fn described(asked: &Asked) -> Option<(String, Value)> {
    let manifest: Value = serde_json::from_slice(&asked.body).unwrap();
    let subject = manifest["subject"]["digest"].as_str()?.to_owned();
    let kind = match &manifest["artifactType"] {
        Value::Null => &manifest["config"]["mediaType"],
        kind => kind,
    };
    let mut entry = json!({
        "mediaType": asked.header("content-type").unwrap_or(MANIFEST),
        "digest": Digest::of(&asked.body), "size": asked.body.len(), "artifactType": kind,
    });
    if let Value::Object(_) = &manifest["annotations"] {
        entry["annotations"] = manifest["annotations"].clone();
    }
    Some((subject, entry))
}
