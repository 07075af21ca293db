//! Deletes from a repository.

use oci_digest::Digest;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::abilities::Ability;
use crate::client::{Client, refused};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::manifests::is_unserved;
use crate::reference::Repository;
use crate::referrers::fallback_tag::Stands;

/// The result of a request to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It was deleted.
    Done,
    /// It was not there.
    Absent,
    /// The registry deletes nothing of this kind: its answer.
    Refused(String),
}

impl Client {
    /// Deletes a manifest by digest, or a tag; both need the registry's consent.
    pub async fn delete(&self, at: &Repository, name: &str) -> Result<Deleted, Error> {
        let text = match name.contains(':') {
            true => format!("{at}@{name}"),
            false => format!("{at}:{name}"),
        };
        let endpoint = Endpoint::at(at, &text);
        let by_digest = name.contains(':');
        if by_digest && self.lacks.has(&endpoint.authority, Ability::Deletes) {
            return Ok(Deleted::Refused(format!("{} deletes no manifests", endpoint.name)));
        }
        self.access.ask_to_delete(&endpoint);
        let path = format!("manifests/{name}");
        let answer = self.send(&endpoint, Method::DELETE, &path, &HeaderMap::new()).await?;
        match answer.status() {
            status if status.is_success() => Ok(Deleted::Done),
            StatusCode::NOT_FOUND => Ok(Deleted::Absent),
            status => {
                // Some delete manifests, and no tags.
                if by_digest && is_unserved(status) {
                    self.lacks.learn(&endpoint.authority, Ability::Deletes);
                }
                match refused(&endpoint, answer).await {
                    error if error.is_refusal() => Ok(Deleted::Refused(error.to_string())),
                    error => Err(error),
                }
            }
        }
    }

    /// Deletes a manifest with its tags: some registries delete nothing that has one, and say so.
    async fn delete_tagged(
        &self,
        at: &Repository,
        digest: Digest,
        tags: &[String],
    ) -> Result<Deleted, Error> {
        let deleted = self.delete(at, &digest.to_string()).await?;
        match &deleted {
            Deleted::Refused(said) if speaks_of_tags(said) => {}
            _ => return Ok(deleted),
        }
        for tag in tags {
            if let Deleted::Refused(_) = self.delete(at, tag).await? {
                return Ok(deleted);
            }
        }
        self.delete(at, &digest.to_string()).await
    }

    /// Deletes an artifact about an image, and its entry in the fallback's index. `tags`: all that are on it.
    pub async fn detach(
        &self,
        at: &Repository,
        subject: Digest,
        artifact: Digest,
        tags: &[String],
    ) -> Result<Deleted, Error> {
        let deleted = self.delete_tagged(at, artifact, tags).await?;
        if !matches!(deleted, Deleted::Refused(_)) {
            self.unrefer(at, &subject, &[artifact]).await?;
        }
        Ok(deleted)
    }

    /// Deletes an image with everything that is about it, the fallback's index included. `tags`: all that are on it.
    pub async fn delete_image(
        &self,
        at: &Repository,
        image: Digest,
        tags: &[String],
    ) -> Result<Deleted, Error> {
        let endpoint = Endpoint::pinned(&at.pinned(image));
        let about = self.referrers(&at.pinned(image)).await?;
        let deleted = self.delete_tagged(at, image, tags).await?;
        if matches!(deleted, Deleted::Refused(_)) {
            return Ok(deleted);
        }
        for referrer in about {
            self.delete(at, &referrer.digest.to_string()).await?;
        }
        let list = image.referrers_tag();
        // Where clients keep no list, that name may mean something else.
        if matches!(self.fallback_index(&endpoint, &image).await?.0, Stands::Index(_))
            && let Some(index) = self.tagged(at, &list).await?
        {
            self.delete_tagged(at, index, &[list]).await?;
        }
        Ok(deleted)
    }
}

/// Whether a registry gives a tag as its reason; no error code of the distribution spec says so.
fn speaks_of_tags(said: &str) -> bool {
    let mut words = said.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.any(|word| word == "tag" || word == "tags")
}
