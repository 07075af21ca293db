//! Sees to it that lists of what is about an image show what was put there: where clients keep them, all that one run has
//! to say of an image comes with one write.

use futures_util::future::join_all;

use super::abilities::Ability;
use super::address::Address;
use super::beside::{About, NO_LIST};
use super::way::Way;
use super::{Artifact, Client, Error};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;

/// An artifact that is in its repository, and in no list.
#[derive(Debug)]
pub(super) struct Unlisted {
    artifact: Artifact,
    /// Whether it is found by a tag anyway.
    tagged: bool,
}

impl Client {
    /// Sees to it that lists show everything that was attached in this run: where clients keep the list of an image, it
    /// is written once. Errors: as those of [`Client::attach`].
    pub async fn list_attached(&self) -> Result<(), Error> {
        let unlisted = std::mem::take(&mut self.beside.run().unlisted);
        let all = unlisted.into_values().map(|(to, artifacts)| self.list(to, artifacts));
        // All of them come to their end: one image's list is no other one's.
        join_all(all).await.into_iter().collect()
    }

    /// The same of one image only: the other lists wait. Errors: as those of [`Client::attach`].
    pub async fn list_attached_to(&self, image: &PinnedReference) -> Result<(), Error> {
        let unlisted =
            self.beside.run().unlisted.remove(&about(&Address::pinned(image), image.digest()));
        match unlisted {
            Some((to, artifacts)) => self.list(to, artifacts).await,
            None => Ok(()),
        }
    }

    async fn list(&self, to: Repository, unlisted: Vec<Unlisted>) -> Result<(), Error> {
        let Some(first) = unlisted.first() else { return Ok(()) };
        let subject = first.artifact.subject.digest;
        let address = Address::pinned(&to.pinned(subject));
        if self.listed(&address, &subject).await?.is_some() {
            return Ok(());
        }
        let entries: Vec<_> = unlisted.iter().map(|one| one.artifact.described()).collect();
        let refusal = match self.way(&address.authority) {
            Way::FallbackTag => match self.put_in_index(&address, &subject, &entries).await {
                Ok(true) => return Ok(()),
                Ok(false) => NO_LIST.to_owned(),
                Err(error) if error.is_refusal() => error.said(),
                Err(error) => return Err(error),
            },
            _ => NO_LIST.to_owned(),
        };
        self.learn_lack(&address.authority, Ability::FallbackTags);
        self.beside.run().refusals.insert(address.authority.clone(), refusal);
        // What has a tag is found by that.
        for one in unlisted.iter().filter(|one| !one.tagged) {
            self.keep(&to, &one.artifact, None).await?;
        }
        Ok(())
    }

    pub(super) fn not_listed(&self, to: &Repository, artifact: &Artifact, tagged: bool) {
        let address = Address::pinned(&to.pinned(artifact.subject.digest));
        let mut run = self.beside.run();
        let about = about(&address, artifact.subject.digest);
        let (_, list) = run.unlisted.entry(about).or_insert_with(|| (to.clone(), vec![]));
        list.push(Unlisted { artifact: artifact.clone(), tagged });
    }
}

fn about(address: &Address, subject: Digest) -> About {
    (address.authority.clone(), address.repository.clone(), subject)
}
