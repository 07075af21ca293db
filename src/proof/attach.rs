//! Puts beside a pushed image what is known of it: its lock, its bill of materials, its provenance.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::{Attested, Error, OF_LOCK, PREDICATE, SBOM, STATEMENT};
use crate::digest::Sha256;
use crate::export::{BillOf, Origin, PROVENANCE, RunFacts, cyclonedx_of_image, provenance};
use crate::image::Repository;
use crate::keep::LOCK;
use crate::lock::Lock;
use crate::reference::PinnedReference;
use crate::registry::{Artifact, Client, Part};
use crate::spec::{GroupName, ImageName};

/// An image that was made and is in its registry.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The image.
    pub image: &'a PinnedReference,
    /// The spec's name for it.
    pub name: &'a ImageName,
    /// The groups in it.
    pub groups: &'a [GroupName],
    /// The image under it.
    pub base: &'a PinnedReference,
    /// What it was built from.
    pub lock: &'a Lock,
    /// The lock's bytes.
    pub lock_text: &'a str,
    /// The engine's name.
    pub engine: &'a str,
    /// The run that made it.
    pub run: &'a RunFacts,
}

impl Made<'_> {
    /// The bill of materials.
    pub fn sbom(&self) -> String {
        let of = BillOf { image: self.image, groups: self.groups, base: self.base.digest() };
        cyclonedx_of_image(self.lock, Sha256::of(self.lock_text), of)
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            image: self.image,
            name: self.name,
            groups: self.groups,
            base: self.base,
            lock: self.lock,
            lock_sha256: Sha256::of(self.lock_text),
            engine: self.engine,
            run: self.run,
        }
    }
}

/// Puts what is not there yet beside the image; how many artifacts were missing. An image that came out the same again
/// keeps the provenance of the run that made it first. Errors: the registry's.
pub async fn attach(client: &Client, made: Made<'_>) -> Result<usize, Error> {
    let lock_sha256 = Sha256::of(made.lock_text).to_string();
    let there = client.referrers(made.image).await?;
    let is_there = |kind: &str| {
        let same = |facts: &BTreeMap<String, String>| facts.get(OF_LOCK) == Some(&lock_sha256);
        there.iter().any(|found| found.artifact_type == kind && same(&found.annotations))
    };
    let mut wanted: Vec<(&str, &str, String)> = Vec::new();
    if !is_there(LOCK) {
        wanted.push((LOCK, crate::lock::FILE_NAME, made.lock_text.to_owned()));
    }
    if !is_there(SBOM) {
        wanted.push((SBOM, "bom.cdx.json", made.sbom()));
    }
    if !is_there(STATEMENT) {
        wanted.push((STATEMENT, "provenance.json", provenance(made.origin()).to_string()));
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    let subject = client.subject(made.image).await?;
    let count = wanted.len();
    // One after the other: the fallback for old registries is one list that each of them rewrites.
    for (kind, name, text) in wanted {
        let mut annotations = BTreeMap::from([(OF_LOCK.to_owned(), lock_sha256.clone())]);
        if kind == STATEMENT {
            annotations.insert(PREDICATE.to_owned(), PROVENANCE.to_owned());
        }
        let part =
            Part { media_type: kind.to_owned(), name: name.to_owned(), bytes: Bytes::from(text) };
        let (subject, parts) = (subject.clone(), vec![part]);
        let artifact = Artifact { artifact_type: kind.to_owned(), subject, annotations, parts };
        client.attach(&Repository::of(made.image), &artifact).await?;
    }
    Ok(count)
}

/// What lies beside an image to be signed: each bill of materials, and what each provenance says.
pub async fn said_of(
    client: &Client,
    image: &PinnedReference,
) -> Result<Vec<(Attested, String)>, Error> {
    let place = Repository::of(image);
    let mut said = Vec::new();
    for referrer in client.referrers(image).await? {
        let kind = match referrer.artifact_type.as_str() {
            SBOM => Attested::Sbom,
            STATEMENT => Attested::Provenance,
            _ => continue,
        };
        let Some(found) = client.artifact(&place, &referrer.digest.to_string()).await? else {
            continue;
        };
        let Some(part) = found.parts.iter().find(|part| part.media_type == found.artifact_type)
        else {
            continue;
        };
        let bytes = client.part(&found.reference, part).await?;
        let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { continue };
        match kind {
            Attested::Sbom => said.push((kind, document.to_string())),
            Attested::Provenance if document["predicateType"] == PROVENANCE => {
                said.push((kind, document["predicate"].to_string()));
            }
            Attested::Provenance => {}
        }
    }
    Ok(said)
}
