//! Puts beside a pushed image what is known of it: its lock, its bill of materials, its provenance.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Error, OF_LOCK, PREDICATE, SBOM, STATEMENT};
use crate::digest::{Digest, Sha256};
use crate::export::{
    BillOf, Origin, PROVENANCE, RunFacts, cyclonedx_of_image, predicate, provenance,
};
use crate::image::Repository;
use crate::keep::LOCK;
use crate::lock::Lock;
use crate::reference::PinnedReference;
use crate::registry::{Artifact, Client, Part, Subject};
use crate::spec::{GroupName, ImageName};

/// So often is it seen to that everything is listed.
const LOOKS: usize = 3;

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

    /// The provenance, without the statement around it.
    pub fn predicate(&self) -> String {
        predicate(self.origin()).to_string()
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
/// keeps the provenance of the run that made it first, unless `provenance_of_ours`: what is signed must be what this run
/// knows. Errors: the registry's.
pub async fn attach(
    client: &Client,
    made: Made<'_>,
    provenance_of_ours: bool,
) -> Result<usize, Error> {
    let lock_sha256 = Sha256::of(made.lock_text).to_string();
    let there = client.referrers(made.image).await?;
    let known = there.iter().any(|found| {
        found.artifact_type == STATEMENT && found.annotations.get(OF_LOCK) == Some(&lock_sha256)
    });
    let mut documents = vec![
        (LOCK, crate::lock::FILE_NAME, made.lock_text.to_owned()),
        (SBOM, "bom.cdx.json", made.sbom()),
    ];
    if provenance_of_ours || !known {
        documents.push((STATEMENT, "provenance.json", provenance(made.origin()).to_string()));
    }
    let subject = client.subject(made.image).await?;
    let artifacts: Vec<_> = documents
        .into_iter()
        .map(|(kind, name, text)| artifact(&subject, &lock_sha256, kind, name, text))
        .collect();
    let (mut there, mut attached) = (there, 0);
    // In the list of an old registry another program may write over our entries: it is looked at once more.
    for _ in 0..LOOKS {
        let missing = artifacts.iter().filter(|artifact| {
            let digest = Digest::of(artifact.manifest());
            !there.iter().any(|found| found.digest == digest)
        });
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            break;
        }
        // One after the other: each of them rewrites the same list.
        for artifact in &missing {
            client.attach(&Repository::of(made.image), artifact).await?;
        }
        attached = attached.max(missing.len());
        there = client.referrers(made.image).await?;
    }
    Ok(attached)
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
    let parts = vec![Part { media_type, name, bytes }];
    Artifact { artifact_type: kind.to_owned(), subject: subject.clone(), annotations, parts }
}
