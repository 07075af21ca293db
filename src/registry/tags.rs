//! Tags of a repository, and what may be taken out of it.

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::abilities::Ability;
use super::address::Address;
use super::client::refused;
use super::fallback::Stands;
use super::read_back::is_unserved;
use super::{Client, Error};
use crate::digest::Digest;
use crate::image::Repository;
use crate::login;

/// A list of tags is no manifest: Artifactory answers 406 to who accepts nothing but those.
const JSON: &str = "application/json";

/// What became of a request to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone now.
    Done,
    /// It was not there.
    Absent,
    /// The registry deletes nothing of this kind: its answer.
    Refused(String),
}

impl Client {
    /// The tags of a repository; none where the repository does not exist.
    pub async fn tags(&self, of: &Repository) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let address = Address::new(&of.registry, &of.name, &of.to_string());
        let mut url = self.url(&address, "tags/list").await?;
        let mut tags = Vec::new();
        loop {
            let Some((headers, bytes)) = self.document_at(&address, &url, JSON).await? else {
                return Ok(tags);
            };
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|cause| address.malformed("the list of tags", cause))?;
            tags.extend(page.tags.unwrap_or_default());
            match next_page(&url, &headers) {
                Some(next) if next != url => url = next,
                _ => return Ok(tags),
            }
        }
    }

    /// The digest that a tag means now; `None`: there is no such tag.
    pub async fn tagged(&self, at: &Repository, tag: &str) -> Result<Option<Digest>, Error> {
        let address = Address::new(&at.registry, &at.name, &format!("{at}:{tag}"));
        self.digest_of(&address, tag).await
    }

    /// Makes a tag mean a manifest that is in the repository, whatever it meant before: who must not take it from
    /// another one looks first ([`Client::tagged`]). Errors: [`Error::NotFound`] where the manifest is not there.
    pub async fn name(&self, at: &Repository, digest: Digest, tag: &str) -> Result<(), Error> {
        let manifest = self.manifest(&Address::pinned(&at.pinned(digest)), digest).await?;
        let address = Address::new(&at.registry, &at.name, &format!("{at}:{tag}"));
        self.put(&address, &manifest, tag).await.map(|_| ())
    }

    /// Deletes a manifest by digest, or a tag; both need the registry's consent.
    pub async fn delete(&self, at: &Repository, name: &str) -> Result<Deleted, Error> {
        let text = match name.contains(':') {
            true => format!("{at}@{name}"),
            false => format!("{at}:{name}"),
        };
        let address = Address::new(&at.registry, &at.name, &text);
        let by_digest = name.contains(':');
        if by_digest && self.lacks(&address.authority, Ability::Deletes) {
            return Ok(Deleted::Refused(format!("{} deletes no manifests", address.name)));
        }
        self.ask_to_delete(&address);
        let path = format!("manifests/{name}");
        let answer = self.send(&address, Method::DELETE, &path, &HeaderMap::new()).await?;
        match answer.status() {
            status if status.is_success() => Ok(Deleted::Done),
            StatusCode::NOT_FOUND => Ok(Deleted::Absent),
            status => {
                // Some delete manifests, and no tags.
                if by_digest && is_unserved(status) {
                    self.learn_lack(&address.authority, Ability::Deletes);
                }
                match refused(&address, answer).await {
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
        let address = Address::pinned(&at.pinned(image));
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
        if matches!(self.fallback_index(&address, &image).await?.0, Stands::Index(_))
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

/// The address of the next page of a list (RFC 8288), at the same registry only.
pub(super) fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let text = headers.get(LINK)?.to_str().ok()?;
    let (address, rest) = text.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.contains("rel=\"next\"") || rest.contains("rel=next");
    let next = login::join(url, address).ok().filter(|_| is_next)?;
    (next.origin() == url.origin()).then_some(next)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_at_the_same_registry_or_nowhere() {
        let url = Url::parse("https://r.example/v2/a/tags/list").unwrap();
        let next = |text: &'static str| {
            let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static(text))]);
            next_page(&url, &headers).map(|u| u.to_string())
        };
        let page = "https://r.example/v2/a/tags/list?n=1&last=x";
        assert_eq!(next("</v2/a/tags/list?n=1&last=x>; rel=\"next\"").as_deref(), Some(page));
        assert_eq!(next("<https://other.example/x>; rel=\"next\""), None);
        assert_eq!(next("</v2/x>; rel=\"prev\""), None);
        assert_eq!(next("no link"), None);
    }
}
