//! Tags of a repository.

use oci_digest::Digest;
use serde::Deserialize;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::{Error, if_readable};
use crate::pages::next_page;
use crate::reference::Repository;

/// A list of tags is no manifest: Artifactory answers 406 to who accepts nothing but those.
const JSON: &str = "application/json";

impl Client {
    /// The tags of a repository; none where the repository does not exist.
    pub async fn tags(&self, of: &Repository) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let endpoint = Endpoint::at(of, &of.to_string());
        let mut url = self.url(&endpoint, "tags/list").await?;
        let mut tags = Vec::new();
        loop {
            let Some((headers, bytes)) = self.document_at(&endpoint, &url, JSON).await? else {
                return Ok(tags);
            };
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|cause| endpoint.malformed("the list of tags", cause))?;
            tags.extend(page.tags.unwrap_or_default());
            match next_page(&url, &headers) {
                Some(next) if next != url => url = next,
                _ => return Ok(tags),
            }
        }
    }

    /// The digest that a tag means now; `None`: there is no such tag.
    pub async fn tagged(&self, at: &Repository, tag: &str) -> Result<Option<Digest>, Error> {
        let endpoint = Endpoint::at(at, &format!("{at}:{tag}"));
        self.digest_of(&endpoint, tag).await
    }

    /// Makes a tag mean a manifest that is in the repository, whatever it referred to before: a caller that must not
    /// overwrite another one checks first ([`Client::tagged`]). Errors: [`Error::NotFound`] where the manifest is not there.
    pub async fn tag(&self, at: &Repository, digest: Digest, tag: &str) -> Result<(), Error> {
        let manifest = self.manifest(&Endpoint::pinned(&at.pinned(digest)), digest).await?;
        let endpoint = Endpoint::at(at, &format!("{at}:{tag}"));
        self.put(&endpoint, &manifest, tag).await.map(|_| ())
    }

    /// What a tag means that is about to be written; `None`: nothing, or that may not be read.
    pub async fn tagged_if_readable(
        &self,
        at: &Repository,
        tag: &str,
    ) -> Result<Option<Digest>, Error> {
        if_readable(self.tagged(at, tag).await)
    }
}
