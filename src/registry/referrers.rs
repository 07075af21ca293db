//! Which artifacts are about an image: the referrers API of distribution spec 1.1, and for registries without it the
//! spec's fallback, an index under the tag `sha256-HEX` that clients keep themselves.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::address::Address;
use super::model::{INDEX, MANIFEST};
use super::{Artifact, Client, Error, Subject};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;

/// Others may write the index between our reading and our writing: so often is it looked at again.
const ATTEMPTS: u32 = 10;

/// An artifact about an image, as a list of referrers shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    /// Of the manifest.
    pub media_type: String,
    /// The manifest's identity.
    pub digest: Digest,
    /// Bytes of the manifest.
    pub size: u64,
    /// What it is; some registries leave it out.
    #[serde(default)]
    pub artifact_type: String,
    /// Facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The tag of the spec's fallback.
pub(super) fn fallback(subject: &Digest) -> String {
    subject.referrers_tag()
}

impl Client {
    /// The artifacts about an image, in the registry's order. None is no error. An entry's own claims are not
    /// proven: [`Client::artifact`] reads and hashes it.
    pub async fn referrers(&self, image: &PinnedReference) -> Result<Vec<Referrer>, Error> {
        let address = Address::pinned(image);
        match self.listed(&address, &image.digest()).await? {
            Some(found) => Ok(found),
            None => Ok(read(&address, &self.index_of(&address, &image.digest()).await?)?.1),
        }
    }

    /// What the API says, page by page; `None`: the registry does not have it.
    async fn listed(
        &self,
        address: &Address,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, Error> {
        let mut url = self.url(address, &format!("referrers/{subject}")).await?;
        let mut found = Vec::new();
        loop {
            let (headers, bytes) = match self.document_at(address, &url).await {
                Ok(Some(page)) => page,
                // Old registries know no such address, and say so in several ways.
                Ok(None) => return Ok(None),
                Err(Error::Status { status, .. }) if is_unknown(status) => return Ok(None),
                Err(error) => return Err(error),
            };
            found.extend(read(address, &Some(bytes))?.1);
            match super::tags::next_page(&url, &headers) {
                Some(next) if next != url => url = next,
                _ => return Ok(Some(found)),
            }
        }
    }

    async fn index_of(&self, address: &Address, subject: &Digest) -> Result<Option<Bytes>, Error> {
        let path = format!("manifests/{}", fallback(subject));
        Ok(self.document(address, &path).await?.map(|(_, bytes)| bytes))
    }

    /// Whether the registry itself knows what is about an image.
    pub(super) async fn lists_itself(
        &self,
        at: &Repository,
        subject: &Subject,
    ) -> Result<bool, Error> {
        let address = Address::pinned(&at.pinned(subject.digest));
        Ok(self.listed(&address, &subject.digest).await?.is_some())
    }

    /// Puts an artifact into the list that clients keep where the registry keeps none.
    pub async fn list(&self, to: &Repository, artifact: &Artifact) -> Result<(), Error> {
        let (digest, subject) = (artifact.digest(), &artifact.subject.digest);
        let referrer = Referrer {
            media_type: MANIFEST.to_owned(),
            digest,
            size: artifact.manifest().len() as u64,
            artifact_type: artifact.artifact_type.clone(),
            annotations: artifact.annotations.clone(),
        };
        let entry = serde_json::to_value(referrer).expect("a descriptor always serializes");
        let address = Address::pinned(&to.pinned(digest));
        self.rewrite(&address, subject, |entries| {
            let digest = json!(digest);
            let known = entries.iter().any(|e| e["digest"] == digest);
            if !known {
                entries.push(entry.clone());
            }
            !known
        })
        .await
    }

    /// Takes artifacts out of the fallback's index, where there is one.
    pub(super) async fn unrefer(
        &self,
        at: &Repository,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<(), Error> {
        let address = Address::pinned(&at.pinned(*subject));
        if self.index_of(&address, subject).await?.is_none() {
            return Ok(());
        }
        let gone: Vec<_> = gone.iter().map(Digest::to_string).collect();
        self.rewrite(&address, subject, |entries| {
            let before = entries.len();
            entries.retain(|e| !e["digest"].as_str().is_some_and(|d| gone.iter().any(|g| g == d)));
            entries.len() < before
        })
        .await
    }

    /// Reads the fallback's index, changes it, writes it, and looks whether that is what stands there. Registries
    /// have no way to write only what was read: another program that read before and writes after our look still takes
    /// our entry away. Who needs certainty looks again later, or has a tag.
    async fn rewrite(
        &self,
        address: &Address,
        subject: &Digest,
        change: impl Fn(&mut Vec<Value>) -> bool,
    ) -> Result<(), Error> {
        // Two tasks of ours would else lose one's entry.
        let turn = self.uploads.places(address, *subject);
        let _one_at_a_time = turn.lock().await;
        for attempt in 0..ATTEMPTS {
            let now = self.index_of(address, subject).await?;
            let (mut index, _) = read(address, &now)?;
            let Some(entries) = index["manifests"].as_array_mut() else {
                return Err(address.malformed("the index of referrers", "it has no manifests"));
            };
            if !change(entries) {
                return Ok(());
            }
            tracing::debug!(attempt, %subject, "writing the index of referrers");
            self.put(address, &index.to_string().into_bytes().into(), &fallback(subject)).await?;
        }
        let cause = format!("others wrote it each of {ATTEMPTS} times in the same moment");
        Err(address.malformed("the index of referrers", cause))
    }
}

/// An index of referrers as it is, and its entries; an absent one is empty.
fn read(address: &Address, bytes: &Option<Bytes>) -> Result<(Value, Vec<Referrer>), Error> {
    let failed = |cause: serde_json::Error| address.malformed("the list of referrers", cause);
    let index: Value = match bytes {
        None => json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] }),
        Some(bytes) => serde_json::from_slice(bytes).map_err(failed)?,
    };
    let entries: Option<Vec<Referrer>> =
        serde_json::from_value(index["manifests"].clone()).map_err(failed)?;
    Ok((index, entries.unwrap_or_default()))
}

/// Answers of registries that do not know the API.
fn is_unknown(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}
