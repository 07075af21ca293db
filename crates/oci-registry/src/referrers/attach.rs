//! Attaches artifacts to an image, in the best way that its registry supports; a lesser way is reported once.

use oci_digest::Digest;

use crate::abilities::Ability;
use crate::artifact::Artifact;
use crate::blob::InMemory;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::reference::Repository;
use crate::referrers::attached::{Unlisted, about};
use crate::referrers::plain::{Names, Plain};
use crate::referrers::way::{Loss, LossKind, Way};

/// The reason for keeping no list of referrers in a registry without the API that did not refuse one.
pub(crate) const NO_LIST: &str = "what its tag `sha256-…` means is no list";

impl Client {
    pub(crate) fn way(&self, authority: &str) -> Way {
        Way::of(|ability| self.lacks.has(authority, ability))
    }

    /// Whether this registry has shown that it cannot store artifacts of images.
    pub fn keeps_nothing(&self, at: &Repository) -> bool {
        self.way(&Endpoint::at(at, "").authority) == Way::Nowhere
    }

    /// Puts an artifact beside its image. Lists show it after [`Client::list_attached`]. Errors: [`Error::NotKept`] where
    /// the registry cannot store it in any way; those of [`Client::push`].
    pub async fn attach(&self, to: &Repository, artifact: &Artifact) -> Result<(), Error> {
        self.store(to, artifact, None).await.map(|_| ())
    }

    /// The same, under a tag, so that it is found without a list. `now`: what the tag means so far
    /// ([`Client::tagged_if_readable`]). Its digest; `None`: the tag is on something else, which stays.
    pub async fn attach_as(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: &str,
        now: Option<Digest>,
    ) -> Result<Option<Digest>, Error> {
        match now {
            Some(now) => Ok(self.is_there(to, artifact, now)),
            None => self.store(to, artifact, Some(tag)).await,
        }
    }

    /// Makes a tag that was free mean a manifest. Whether it does now: another one's tag stays. Errors:
    /// [`Error::NotKept`] where the registry takes no such tags.
    pub async fn tag_if_free(
        &self,
        at: &Repository,
        digest: Digest,
        tag: &str,
    ) -> Result<bool, Error> {
        let endpoint = Endpoint::at(at, &format!("{at}:{tag}"));
        if self.lacks.has(&endpoint.authority, Ability::Tags) {
            return Err(self.not_kept(&endpoint));
        }
        match self.tag(at, digest, tag).await {
            Err(error) if error.is_refusal() => match self.tagged_if_readable(at, tag).await? {
                Some(now) => Ok(now == digest),
                None => {
                    self.lacks.learn(&endpoint.authority, Ability::Tags);
                    self.report(&endpoint, LossKind::Tags, &error.answer());
                    self.attached
                        .state()
                        .refusals
                        .insert(endpoint.authority.clone(), error.answer());
                    Err(self.not_kept(&endpoint))
                }
            },
            named => named.map(|()| true),
        }
    }

    /// Whether a tag that was just written still refers to what was written. Readings may be old for a while, so that only another meaning
    /// says no.
    pub async fn holds(&self, at: &Repository, digest: Digest, tag: &str) -> Result<bool, Error> {
        let mut waits = self.patience.waits();
        loop {
            if let Some(now) = self.tagged_if_readable(at, tag).await? {
                return Ok(now == digest);
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(true),
            }
        }
    }

    /// Puts an artifact into its repository, in the best way that is left.
    pub(crate) async fn store(
        &self,
        to: &Repository,
        artifact: &Artifact,
        tag: Option<&str>,
    ) -> Result<Option<Digest>, Error> {
        let endpoint = Endpoint::pinned(&to.pinned(artifact.subject.digest));
        let mut refusal = None;
        if self.way(&endpoint.authority) == Way::Nowhere
            || tag.is_some() && self.lacks.has(&endpoint.authority, Ability::Tags)
        {
            return Err(self.not_kept(&endpoint));
        }
        if self.way(&endpoint.authority) <= Way::FallbackTag {
            match self.put_with_subject(to, artifact, tag).await {
                Ok(()) => return Ok(Some(artifact.digest())),
                Err(error) if error.is_refusal() => refusal = Some(error),
                Err(error) => return Err(error),
            }
            // A tag that may not be overwritten belongs to another client.
            if let Some(tag) = tag
                && let Some(now) = self.tagged_if_readable(to, tag).await?
            {
                return Ok(self.is_there(to, artifact, now));
            }
        }
        let stepped = self.put_plain(to, artifact, tag).await;
        match (stepped, refusal) {
            (Ok(digest), refusal) => {
                if let Some(refusal) = refusal {
                    self.lacks.learn(&endpoint.authority, Ability::ArtifactTypes);
                    self.attached
                        .state()
                        .refusals
                        .insert(endpoint.authority.clone(), refusal.answer());
                }
                self.step_down(&endpoint, Way::PlainImage);
                Ok(digest)
            }
            (Err(error), first) if error.is_refusal() => {
                let refusal = first.unwrap_or(error);
                self.attached.state().refusals.insert(endpoint.authority.clone(), refusal.answer());
                if tag.is_some() {
                    self.lacks.learn(&endpoint.authority, Ability::Tags);
                    self.report(&endpoint, LossKind::Tags, &refusal.answer());
                } else {
                    self.lacks.learn(&endpoint.authority, Ability::ArtifactTypes);
                    self.lacks.learn(&endpoint.authority, Ability::PlainImages);
                    self.step_down(&endpoint, Way::Nowhere);
                }
                Err(self.not_kept(&endpoint))
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
        let names = Names::of(&self.program);
        let plain = Plain::of(artifact, &names);
        let digest = plain.digest();
        let name = tag.map_or_else(|| names.tag(&artifact.subject.digest, &plain), str::to_owned);
        // Its own tag says by itself what is there.
        if tag.is_none() && self.tagged_if_readable(to, &name).await? == Some(digest) {
            return Ok(Some(digest));
        }
        self.upload_all(to, plain.blobs.iter().cloned().map(InMemory::new)).await?;
        let endpoint = Endpoint::at(to, &format!("{to}:{name}"));
        match self.put(&endpoint, &plain.manifest, &name).await {
            Err(error) if error.is_refusal() => match self.tagged_if_readable(to, &name).await? {
                Some(now) => Ok((now == digest).then_some(digest)),
                None => Err(error),
            },
            put => put.map(|_| Some(digest)),
        }
    }

    /// Whether this is the artifact's digest, in whatever form it is stored.
    pub fn is(&self, artifact: &Artifact, digest: Digest) -> bool {
        let plain = || Plain::of(artifact, &Names::of(&self.program)).digest();
        digest == artifact.digest() || digest == plain()
    }

    /// Whether what a tag is on is this artifact, in whatever form.
    fn is_there(&self, to: &Repository, artifact: &Artifact, now: Digest) -> Option<Digest> {
        if now == artifact.digest() {
            self.not_listed(to, artifact, true);
        }
        self.is(artifact, now).then_some(now)
    }

    fn step_down(&self, endpoint: &Endpoint, way: Way) {
        let said = self.attached.state().refusals.get(&endpoint.authority).cloned();
        if let Some(loss) = way.loss() {
            self.report(endpoint, loss, said.as_deref().unwrap_or(NO_LIST));
        }
    }

    fn report(&self, endpoint: &Endpoint, kind: LossKind, said: &str) {
        let mut state = self.attached.state();
        if state.reported.insert((endpoint.authority.clone(), kind)) {
            let (host, answer) = (endpoint.name.clone(), said.to_owned());
            state.warnings.insert(Loss { host, kind, answer });
        }
    }

    fn not_kept(&self, endpoint: &Endpoint) -> Error {
        let state = self.attached.state();
        let said = state.refusals.get(&endpoint.authority).cloned().unwrap_or_default();
        Error::NotKept { reference: endpoint.reference.clone(), host: endpoint.name.clone(), said }
    }
    fn not_listed(&self, to: &Repository, artifact: &Artifact, tagged: bool) {
        let endpoint = Endpoint::pinned(&to.pinned(artifact.subject.digest));
        let mut state = self.attached.state();
        let about = about(&endpoint, artifact.subject.digest);
        let (_, list) = state.unlisted.entry(about).or_insert_with(|| (to.clone(), vec![]));
        list.push(Unlisted { artifact: artifact.clone(), tagged });
    }
}
