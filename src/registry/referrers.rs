//! What is about an image, in whichever way its registry keeps that: the referrers API of distribution spec 1.1, the
//! list that clients keep, or images under tags of their own.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::abilities::Ability;
use super::address::Address;
use super::fallback::{Stands, index};
use super::model::{INDEX, MANIFEST};
use super::{Client, Error, plain};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;

/// Questions at the same time.
const CONCURRENCY: usize = 8;

/// What the artifact types of envlock begin with: an image of ours has one.
const OURS: &str = "application/vnd.dev.envlock.";

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
    #[serde(default, deserialize_with = "or_null")]
    pub artifact_type: String,
    /// Facts.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

fn or_null<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Client {
    /// The artifacts about an image, in the registry's order. None is no error. An entry's own claims are not
    /// proven: [`Client::artifact`] reads and hashes it.
    pub async fn referrers(&self, image: &PinnedReference) -> Result<Vec<Referrer>, Error> {
        let (address, subject) = (Address::pinned(image), image.digest());
        let mut found = match self.listed(&address, &subject).await? {
            Some(found) => found,
            None => match self.fallback_index(&address, &subject).await?.0 {
                Stands::Index(index) => entries(&index),
                Stands::Nothing | Stands::Other => vec![],
            },
        };
        // An image that has ours in its list has them nowhere else.
        if !found.iter().any(|referrer| referrer.artifact_type.starts_with(OURS)) {
            found.extend(self.plain_referrers(&Repository::of(image), &subject).await?);
        }
        Ok(found)
    }

    /// Finds out whether the registry knows what is about images, ahead of a need to.
    pub async fn ask_for_lists(&self, image: &PinnedReference) {
        if let Err(error) = self.listed(&Address::pinned(image), &image.digest()).await {
            tracing::debug!(%error, "whether referrers are listed is found out later");
        }
    }

    /// What the API says, page by page; `None`: the registry does not have it.
    pub(super) async fn listed(
        &self,
        address: &Address,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, Error> {
        if self.lacks(&address.authority, Ability::Referrers) {
            return Ok(None);
        }
        let mut url = self.url(address, &format!("referrers/{subject}")).await?;
        let mut found: Option<Vec<Referrer>> = None;
        loop {
            let page = match self.document_at(address, &url, INDEX).await {
                Ok(page) => page.and_then(|(headers, bytes)| Some((headers, index(&bytes)?))),
                // Who does not know the address says so in many ways.
                Err(error) if error.is_refusal() => None,
                // Some send it to a host that cannot be reached from everywhere.
                Err(error) if error.is_unreachable() => {
                    match self.document(address, &format!("manifests/{subject}")).await {
                        Ok(Some(_)) => None,
                        _ => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            };
            let Some((headers, index)) = page else {
                if found.is_some() {
                    return Err(address.malformed("the list of referrers", "a page is no index"));
                }
                self.learn_lack(&address.authority, Ability::Referrers);
                return Ok(None);
            };
            let all = found.get_or_insert_default();
            all.extend(entries(&index));
            match super::tags::next_page(&url, &headers) {
                Some(next) if next != url => url = next,
                _ => return Ok(found),
            }
        }
    }

    /// What is kept about it as images. Tags that may not be listed are none.
    async fn plain_referrers(
        &self,
        at: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Referrer>, Error> {
        let tags = match self.tags(at).await {
            Err(error) if error.is_refusal() => vec![],
            tags => tags?,
        };
        let stem = plain::stem(subject);
        let asked: Vec<_> = (tags.into_iter().filter(|tag| tag.starts_with(&stem)))
            .map(async |tag| self.artifact(at, &tag).await)
            .collect();
        let found: Vec<_> = stream::iter(asked).buffered(CONCURRENCY).try_collect().await?;
        let about = found.into_iter().flatten().filter(|found| found.subject == Some(*subject));
        let referrer = |found: super::Found| Referrer {
            media_type: MANIFEST.to_owned(),
            digest: found.reference.digest(),
            size: found.size,
            artifact_type: found.artifact_type,
            annotations: found.annotations,
        };
        Ok(about.map(referrer).collect())
    }
}

/// The entries of an index; what is no descriptor is passed over.
fn entries(index: &Value) -> Vec<Referrer> {
    let all = index["manifests"].as_array().into_iter().flatten();
    all.filter_map(|entry| Referrer::deserialize(entry).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_without_a_type_are_read_and_what_is_none_is_passed_over() {
        let digest = Digest::of("x");
        let bare = json!({ "mediaType": MANIFEST, "digest": digest, "size": 3 });
        let mut nothing = bare.clone();
        nothing["artifactType"] = Value::Null;
        nothing["annotations"] = Value::Null;
        let index = json!({ "manifests": [bare, nothing, { "digest": "sha256:short" }, 1] });
        let read = entries(&index);
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|entry| entry.digest == digest && entry.artifact_type.is_empty()));
        assert_eq!(entries(&json!({})), []);
    }
}
