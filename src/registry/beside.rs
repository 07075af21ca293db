//! Puts beside an image what is about it, in the best way that its registry has; a step down is told once.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::abilities::Ability;
use super::address::Address;
use super::fallback::Remembered;
use super::listing::Unlisted;
use super::plain::{self, Plain};
use super::way::{NO_TAGS, Way};
use super::{Artifact, Client, Error, Held};
use crate::digest::Digest;
use crate::image::Repository;

/// Why a registry that lists nothing itself gets no list from clients either, where it did not refuse one.
pub(super) const NO_LIST: &str = "what its tag `sha256-…` means is no list";

/// An image: host, repository, digest.
pub(super) type About = (String, String, Digest);

/// What was put beside images in this run.
#[derive(Debug, Default)]
pub(super) struct Beside(Mutex<Run>);

#[derive(Debug, Default)]
pub(super) struct Run {
    /// What no list shows yet, by image.
    pub(super) unlisted: HashMap<About, (Repository, Vec<Unlisted>)>,
    /// The lists that clients keep, as they were read and written.
    pub(super) lists: HashMap<About, Remembered>,
    /// Hosts whose lists other programs do not write to.
    pub(super) written_elsewhere: BTreeSet<String>,
    /// Why nothing more is tried, by host.
    pub(super) refusals: HashMap<String, String>,
    /// Steps down that were told.
    told: BTreeSet<(String, &'static str)>,
    /// Those that are to be told.
    pub(super) warnings: BTreeSet<String>,
}

impl Beside {
    pub(super) fn run(&self) -> MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may not be read is not known, which is no reason not to write it: some registries answer 401 or 403 about what
/// is not there.
pub(super) fn unknown<T>(asked: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match asked {
        Err(Error::Unauthorized { .. }) => Ok(None),
        answer => answer,
    }
}

impl Client {
    pub(super) fn way(&self, authority: &str) -> Way {
        Way::of(|ability| self.lacks(authority, ability))
    }

    /// Whether this registry has shown that it keeps nothing beside images.
    pub fn keeps_nothing(&self, at: &Repository) -> bool {
        self.way(&Address::new(&at.registry, &at.name, "").authority) == Way::Nowhere
    }

    /// Puts an artifact beside its image. Lists show it after [`Client::list_attached`]. Errors: [`Error::NotKept`] where
    /// the registry takes it in no way; those of [`Client::push`].
    pub async fn attach(&self, to: &Repository, artifact: &Artifact) -> Result<(), Error> {
        self.keep(to, artifact, None).await.map(|_| ())
    }

    /// The same, under a tag, so that it is found without a list. `now`: what the tag means so far
    /// ([`Client::looked_up`]). Its digest; `None`: the tag is on something else, which stays.
    pub async fn attach_as(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: &str,
        now: Option<Digest>,
    ) -> Result<Option<Digest>, Error> {
        match now {
            Some(now) => Ok(self.is_there(to, artifact, now)),
            None => self.keep(to, artifact, Some(tag)).await,
        }
    }

    /// What a tag means that is about to be written; `None`: nothing, or that may not be read.
    pub async fn looked_up(&self, at: &Repository, tag: &str) -> Result<Option<Digest>, Error> {
        unknown(self.tagged(at, tag).await)
    }

    /// Makes a tag that was free mean a manifest. Whether it does now: another one's tag stays. Errors:
    /// [`Error::NotKept`] where the registry takes no such tags.
    pub async fn name_free(
        &self,
        at: &Repository,
        digest: Digest,
        tag: &str,
    ) -> Result<bool, Error> {
        let address = Address::new(&at.registry, &at.name, &format!("{at}:{tag}"));
        if self.lacks(&address.authority, Ability::Tags) {
            return Err(self.not_kept(&address));
        }
        match self.name(at, digest, tag).await {
            Err(error) if error.is_refusal() => match self.looked_up(at, tag).await? {
                Some(now) => Ok(now == digest),
                None => {
                    self.learn_lack(&address.authority, Ability::Tags);
                    self.tell(&address, NO_TAGS, &error.said());
                    self.beside.run().refusals.insert(address.authority.clone(), error.said());
                    Err(self.not_kept(&address))
                }
            },
            named => named.map(|()| true),
        }
    }

    /// Whether a tag that was just written is still ours. Readings may be old for a while, so that only another meaning
    /// says no.
    pub async fn holds(&self, at: &Repository, digest: Digest, tag: &str) -> Result<bool, Error> {
        let mut waits = self.patience.waits();
        loop {
            if let Some(now) = self.looked_up(at, tag).await? {
                return Ok(now == digest);
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(true),
            }
        }
    }

    /// Puts an artifact into its repository, in the best way that is left.
    pub(super) async fn keep(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: Option<&str>,
    ) -> Result<Option<Digest>, Error> {
        let address = Address::pinned(&to.pinned(artifact.subject.digest));
        let mut refusal = None;
        if self.way(&address.authority) == Way::Nowhere
            || tag.is_some() && self.lacks(&address.authority, Ability::Tags)
        {
            return Err(self.not_kept(&address));
        }
        if self.way(&address.authority) <= Way::FallbackTag {
            match self.put_with_subject(to, artifact, tag).await {
                Ok(()) => return Ok(Some(artifact.digest())),
                Err(error) if error.is_refusal() => refusal = Some(error),
                Err(error) => return Err(error),
            }
            // A tag that may not be written again is somebody's.
            if let Some(tag) = tag
                && let Some(now) = self.looked_up(to, tag).await?
            {
                return Ok(self.is_there(to, artifact, now));
            }
        }
        let stepped = self.put_plain(to, artifact, tag).await;
        match (stepped, refusal) {
            (Ok(digest), refusal) => {
                if let Some(refusal) = refusal {
                    self.learn_lack(&address.authority, Ability::ArtifactTypes);
                    self.beside.run().refusals.insert(address.authority.clone(), refusal.said());
                }
                self.step_down(&address, Way::PlainImage);
                Ok(digest)
            }
            (Err(error), first) if error.is_refusal() => {
                let refusal = first.unwrap_or(error);
                self.beside.run().refusals.insert(address.authority.clone(), refusal.said());
                if tag.is_some() {
                    self.learn_lack(&address.authority, Ability::Tags);
                    self.tell(&address, NO_TAGS, &refusal.said());
                } else {
                    self.learn_lack(&address.authority, Ability::ArtifactTypes);
                    self.learn_lack(&address.authority, Ability::PlainImages);
                    self.step_down(&address, Way::Nowhere);
                }
                Err(self.not_kept(&address))
            }
            (failed, _) => failed,
        }
    }

    async fn put_with_subject(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: Option<&str>,
    ) -> Result<(), Error> {
        let digest = artifact.digest();
        let asked = async || match tag {
            Some(_) => Ok(false),
            None => match self.exists(&to.pinned(digest)).await {
                Err(Error::Unauthorized { .. }) => Ok(false),
                answer => answer,
            },
        };
        let name = tag.map_or_else(|| digest.to_string(), str::to_owned);
        let listed = !asked().await? && self.put_artifact(to, artifact, &name).await?;
        if !listed {
            self.not_listed(to, artifact, tag.is_some());
        }
        Ok(())
    }

    async fn put_plain(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: Option<&str>,
    ) -> Result<Option<Digest>, Error> {
        let plain = Plain::of(artifact);
        let digest = plain.digest();
        let name = tag.map_or_else(|| plain::tag(&artifact.subject.digest, &plain), str::to_owned);
        // Its own tag says by itself what is there.
        if tag.is_none() && self.looked_up(to, &name).await? == Some(digest) {
            return Ok(Some(digest));
        }
        self.bring(to, plain.blobs.iter().cloned().map(Held::new)).await?;
        let address = Address::new(&to.registry, &to.name, &format!("{to}:{name}"));
        match self.put(&address, &plain.manifest, &name).await {
            Err(error) if error.is_refusal() => match self.looked_up(to, &name).await? {
                Some(now) => Ok((now == digest).then_some(digest)),
                None => Err(error),
            },
            put => put.map(|_| Some(digest)),
        }
    }

    /// Whether what a tag is on is this artifact, in whatever form.
    fn is_there(&self, to: &Repository, artifact: &Artifact, now: Digest) -> Option<Digest> {
        if now == artifact.digest() {
            self.not_listed(to, artifact, true);
        }
        artifact.is(now).then_some(now)
    }

    fn step_down(&self, address: &Address, way: Way) {
        let said = self.beside.run().refusals.get(&address.authority).cloned();
        if let Some(loss) = way.loss() {
            self.tell(address, loss, said.as_deref().unwrap_or(NO_LIST));
        }
    }

    fn tell(&self, address: &Address, loss: &'static str, said: &str) {
        let mut run = self.beside.run();
        if run.told.insert((address.authority.clone(), loss)) {
            run.warnings.insert(format!("{} {loss} ({said})", address.name));
        }
    }

    fn not_kept(&self, address: &Address) -> Error {
        let run = self.beside.run();
        let said = run.refusals.get(&address.authority).cloned().unwrap_or_default();
        Error::NotKept { reference: address.reference.clone(), host: address.name.clone(), said }
    }
}
