//! Puts beside a pushed image what is known of it: its lock, its bill of materials, its provenance.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Error;
use super::kinds::{OF_LOCK, PREDICATE, SBOM, STATEMENT};
use crate::export::{Origin, PROVENANCE, cyclonedx_of_image, provenance};
use crate::image::Repository;
use crate::registry::{Artifact, Client, Part, Subject};
use crate::retention::LOCK;

/// Attaches what is missing beside the image; returns how many artifacts were missing. An image that came out the same again
/// keeps the provenance of the run that made it first, unless `provenance_of_ours`: what is signed must be what this run
/// knows. Lists show them after [`Client::list_attached`].
///
/// # Errors
/// The registry's.
pub async fn attach(
    client: &Client,
    made: Origin<'_>,
    provenance_of_ours: bool,
) -> Result<usize, Error> {
    let lock_sha256 = made.lock_sha256().to_string();
    let there = client.referrers(made.image).await?;
    let known = there.iter().any(|found| {
        found.artifact_type == STATEMENT && found.annotations.get(OF_LOCK) == Some(&lock_sha256)
    });
    let mut documents = vec![
        (LOCK, crate::lock::FILE_NAME, made.lock_text.to_owned()),
        (SBOM, "bom.cdx.json", cyclonedx_of_image(made)),
    ];
    if provenance_of_ours || !known {
        documents.push((STATEMENT, "provenance.json", provenance(made).to_string()));
    }
    let subject = client.subject(made.image).await?;
    let artifacts: Vec<_> = documents
        .into_iter()
        .map(|(kind, name, text)| artifact(&subject, &lock_sha256, kind, name, text))
        .collect();
    let is_there =
        |artifact: &Artifact| there.iter().any(|found| client.is(artifact, found.digest));
    let missing: Vec<_> = artifacts.iter().filter(|artifact| !is_there(artifact)).collect();
    for artifact in &missing {
        client.attach(&Repository::of(made.image), artifact).await?;
    }
    Ok(missing.len())
}

fn artifact(
    subject: &Subject,
    lock_sha256: &str,
    kind: &str,
    name: &str,
    text: String,
) -> Artifact {
    let mut annotations = BTreeMap::from([(OF_LOCK.to_owned(), lock_sha256.to_owned())]);
    if kind == STATEMENT {
        annotations.insert(PREDICATE.to_owned(), PROVENANCE.to_owned());
    }
    let (media_type, name, bytes) = (kind.to_owned(), name.to_owned(), Bytes::from(text));
    let parts = vec![Part { media_type, name, bytes, is_new: false }];
    Artifact { artifact_type: kind.to_owned(), subject: subject.clone(), annotations, parts }
}
