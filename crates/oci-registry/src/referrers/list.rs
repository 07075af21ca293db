//! Makes lists of referrers show what was attached: where clients keep these lists, all entries of one run for an image
//! are added in one write.

use futures_util::future::join_all;

use crate::abilities::Ability;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::reference::{PinnedReference, Repository};
use crate::referrers::attach::NO_LIST;
use crate::referrers::attached::{Unlisted, about};
use crate::referrers::way::Way;

impl Client {
    /// Makes lists show everything that was attached in this run: where clients keep the list of an image, it
    /// is written once. Errors: as those of [`Client::attach`].
    pub async fn list_attached(&self) -> Result<(), Error> {
        let unlisted = std::mem::take(&mut self.attached.state().unlisted);
        let all = unlisted.into_values().map(|(to, artifacts)| self.list(to, artifacts));
        // All of them come to their end: one image's list is no other one's.
        join_all(all).await.into_iter().collect()
    }

    /// The same of one image only: the other lists wait. Errors: as those of [`Client::attach`].
    pub async fn list_attached_to(&self, image: &PinnedReference) -> Result<(), Error> {
        let unlisted =
            self.attached.state().unlisted.remove(&about(&Endpoint::pinned(image), image.digest()));
        match unlisted {
            Some((to, artifacts)) => self.list(to, artifacts).await,
            None => Ok(()),
        }
    }

    async fn list(&self, to: Repository, unlisted: Vec<Unlisted>) -> Result<(), Error> {
        let Some(first) = unlisted.first() else { return Ok(()) };
        let subject = first.artifact.subject.digest;
        let endpoint = Endpoint::pinned(&to.pinned(subject));
        if self.listed(&endpoint, &subject).await?.is_some() {
            return Ok(());
        }
        let entries: Vec<_> = unlisted.iter().map(|one| one.artifact.described()).collect();
        let refusal = match self.way(&endpoint.authority) {
            Way::FallbackTag => match self.put_in_index(&endpoint, &subject, &entries).await {
                Ok(true) => return Ok(()),
                Ok(false) => NO_LIST.to_owned(),
                Err(error) if error.is_refusal() => error.answer(),
                Err(error) => return Err(error),
            },
            _ => NO_LIST.to_owned(),
        };
        self.lacks.learn(&endpoint.authority, Ability::FallbackTags);
        self.attached.state().refusals.insert(endpoint.authority.clone(), refusal);
        // What has a tag is found by that.
        for one in unlisted.iter().filter(|one| !one.tagged) {
            self.store(&to, &one.artifact, None).await?;
        }
        Ok(())
    }
}
