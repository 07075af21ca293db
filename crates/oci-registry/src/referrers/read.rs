//! What is about an image, in whichever way its registry keeps that: the referrers API of distribution spec 1.1, the
//! list that clients keep, or images under tags of their own.

use futures_util::{StreamExt, TryStreamExt, stream};
use oci_digest::Digest;
use serde::Deserialize;
use serde_json::Value;

use crate::abilities::Ability;
use crate::artifact::Found;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::model::media_type::{INDEX, MANIFEST};
use crate::pages::next_page;
use crate::reference::{PinnedReference, Repository};
use crate::referrers::fallback_tag::{Stands, index};
use crate::referrers::plain::Names;
use crate::referrers::referrer::Referrer;

/// Questions at the same time.
const CONCURRENCY: usize = 8;

impl Client {
    /// The artifacts about an image, in the registry's order. None is no error. An entry's own claims are not
    /// proven: [`Client::artifact`] reads and hashes it.
    pub async fn referrers(&self, image: &PinnedReference) -> Result<Vec<Referrer>, Error> {
        let (endpoint, subject) = (Endpoint::pinned(image), image.digest());
        let mut found = match self.listed(&endpoint, &subject).await? {
            Some(found) => found,
            None => match self.fallback_index(&endpoint, &subject).await?.0 {
                Stands::Index(index) => entries(&index),
                Stands::Nothing | Stands::Other => vec![],
            },
        };
        // An image that has ours in its list has them nowhere else.
        let ours = format!("application/vnd.dev.{}.", self.program);
        if !found.iter().any(|referrer| referrer.artifact_type.starts_with(&ours)) {
            found.extend(self.plain_referrers(&Repository::of(image), &subject).await?);
        }
        Ok(found)
    }

    /// Finds out whether the registry knows what is about images, ahead of a need to.
    pub async fn ask_for_lists(&self, image: &PinnedReference) {
        if let Err(error) = self.listed(&Endpoint::pinned(image), &image.digest()).await {
            tracing::debug!(%error, "whether referrers are listed is found out later");
        }
    }

    /// What the API says, page by page; `None`: the registry does not have it.
    pub(crate) async fn listed(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, Error> {
        if self.lacks.has(&endpoint.authority, Ability::Referrers) {
            return Ok(None);
        }
        let mut url = self.url(endpoint, &format!("referrers/{subject}")).await?;
        let mut found: Option<Vec<Referrer>> = None;
        loop {
            let page = match self.document_at(endpoint, &url, INDEX).await {
                Ok(page) => page.and_then(|(headers, bytes)| Some((headers, index(&bytes)?))),
                // Registries without the API answer in many ways.
                Err(error) if error.is_refusal() => None,
                // Some send it to a host that cannot be reached from everywhere.
                Err(error) if error.is_unreachable() => {
                    match self.document(endpoint, &format!("manifests/{subject}")).await {
                        Ok(Some(_)) => None,
                        _ => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            };
            let Some((headers, index)) = page else {
                if found.is_some() {
                    return Err(endpoint.malformed("the list of referrers", "a page is no index"));
                }
                self.lacks.learn(&endpoint.authority, Ability::Referrers);
                return Ok(None);
            };
            let all = found.get_or_insert_default();
            all.extend(entries(&index));
            match next_page(&url, &headers) {
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
        let stem = Names::of(&self.program).stem(subject);
        let asked: Vec<_> = (tags.into_iter().filter(|tag| tag.starts_with(&stem)))
            .map(async |tag| self.artifact(at, &tag).await)
            .collect();
        let found: Vec<_> = stream::iter(asked).buffered(CONCURRENCY).try_collect().await?;
        let about = found.into_iter().flatten().filter(|found| found.subject == Some(*subject));
        let referrer = |found: Found| Referrer {
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
