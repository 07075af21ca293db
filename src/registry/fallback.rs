//! The list of what is about an image that clients keep where the registry keeps none: an index under the tag
//! `sha256-HEX` (distribution spec 1.1, "Referrers Tag Schema"). No entry is taken out but by who removes the artifact.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::abilities::Ability;
use super::address::Address;
use super::beside::About;
use super::model::INDEX;
use super::{Client, Error};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;

/// Others may write the index between our reading and our writing: so often is it looked at again.
const ATTEMPTS: u32 = 10;

/// What stands under that tag.
#[derive(Debug, PartialEq)]
pub(super) enum Stands {
    /// Nothing, or nothing that we are told of.
    Nothing,
    /// An index.
    Index(Value),
    /// Something else: GitLab answers with the image itself.
    Other,
}

/// A list as this run knows it: a reading may be older than that.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    entries: Vec<Value>,
    versions: HashSet<Digest>,
}

/// An index as it is; `None`: this is none.
pub(super) fn index(bytes: &[u8]) -> Option<Value> {
    let mut index: Value = serde_json::from_slice(bytes).ok()?;
    let manifests = index.as_object_mut()?.get_mut("manifests")?;
    if manifests.is_null() {
        *manifests = json!([]);
    }
    manifests.is_array().then_some(index)
}

/// Puts those entries in that are not there; whether there were any.
fn add(entries: &mut Vec<Value>, more: &[Value]) -> bool {
    let before = entries.len();
    for entry in more {
        if !entries.iter().any(|known| known["digest"] == entry["digest"]) {
            entries.push(entry.clone());
        }
    }
    entries.len() > before
}

impl Client {
    /// What stands under the fallback's tag, and whether this run sees it for the first time.
    pub(super) async fn fallback_index(
        &self,
        address: &Address,
        subject: &Digest,
    ) -> Result<(Stands, bool), Error> {
        let path = format!("manifests/{}", subject.referrers_tag());
        let bytes = match self.document(address, &path).await {
            Ok(Some((_, bytes))) => bytes,
            Ok(None) => return Ok((Stands::Nothing, false)),
            // Not every registry says 404 of a tag that is not there.
            Err(error) if error.is_refusal() => return Ok((Stands::Nothing, false)),
            Err(error) => return Err(error),
        };
        let Some(index) = index(&bytes) else {
            self.learn_lack(&address.authority, Ability::FallbackTags);
            return Ok((Stands::Other, true));
        };
        let new = self.remember(address, subject, &bytes, &index);
        Ok((Stands::Index(index), new))
    }

    fn remember(&self, address: &Address, subject: &Digest, bytes: &[u8], index: &Value) -> bool {
        let mut run = self.beside.run();
        let list = run.lists.entry(about(address, subject)).or_default();
        let new = list.versions.insert(Digest::of(bytes));
        // An old version read once more may have what was taken out since.
        if new {
            add(&mut list.entries, index["manifests"].as_array().map_or(&[], Vec::as_slice));
        }
        new
    }

    fn remembered(&self, address: &Address, subject: &Digest) -> Vec<Value> {
        let run = self.beside.run();
        run.lists.get(&about(address, subject)).map(|list| list.entries.clone()).unwrap_or_default()
    }

    /// Puts entries into the index, all in one write. `false`: what stands there is no index.
    pub(super) async fn put_in_index(
        &self,
        address: &Address,
        subject: &Digest,
        wanted: &[Value],
    ) -> Result<bool, Error> {
        self.rewrite(address, subject, |entries| add(entries, wanted)).await
    }

    /// Takes artifacts out of the index, where there is one. A list that may not be written keeps them, which does no
    /// harm: what is not there is not found.
    pub(super) async fn unrefer(
        &self,
        at: &Repository,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<(), Error> {
        let address = Address::pinned(&at.pinned(*subject));
        if !matches!(self.fallback_index(&address, subject).await?.0, Stands::Index(_)) {
            return Ok(());
        }
        let gone: Vec<_> = gone.iter().map(Digest::to_string).collect();
        let take = |entries: &mut Vec<Value>| {
            let before = entries.len();
            entries.retain(|e| !e["digest"].as_str().is_some_and(|d| gone.iter().any(|g| g == d)));
            entries.len() < before
        };
        if let Some(list) = self.beside.run().lists.get_mut(&about(&address, subject)) {
            take(&mut list.entries);
        }
        match self.rewrite(&address, subject, take).await {
            Err(error) if error.is_refusal() => {
                tracing::info!(%error, "the list of referrers stays as it is");
                Ok(())
            }
            done => done.map(|_| ()),
        }
    }

    /// Reads the index, changes it, writes it, and looks whether that is what stands there. Registries have no way to
    /// write only what was read: another program that read before and writes after our look still takes our entry away.
    /// Who needs certainty looks again later, or has a tag.
    async fn rewrite(
        &self,
        address: &Address,
        subject: &Digest,
        change: impl Fn(&mut Vec<Value>) -> bool,
    ) -> Result<bool, Error> {
        // Two tasks of ours would else lose one's entry.
        let turn = self.uploads.places(address, *subject);
        let _one_at_a_time = turn.lock().await;
        let (mut stands, _) = self.fallback_index(address, subject).await?;
        for attempt in 0..ATTEMPTS {
            let mut index = match stands {
                Stands::Nothing => {
                    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] })
                }
                Stands::Index(index) => index,
                Stands::Other => return Ok(false),
            };
            let known = self.remembered(address, subject);
            let Some(entries) = index["manifests"].as_array_mut() else { return Ok(false) };
            // What is read may be older than what this run has seen and written.
            let restored = add(entries, &known);
            if !change(entries) && !restored {
                return Ok(true);
            }
            tracing::debug!(attempt, %subject, "writing the index of referrers");
            let bytes = Bytes::from(index.to_string());
            self.put(address, &bytes, &subject.referrers_tag()).await?;
            self.forget_entries(address, subject);
            self.remember(address, subject, &bytes, &index);
            match self.instead(address, subject, &index).await? {
                None => return Ok(true),
                Some(other) => stands = other,
            }
        }
        let cause = format!("others wrote it each of {ATTEMPTS} times in the same moment");
        Err(address.malformed("the index of referrers", cause))
    }

    fn forget_entries(&self, address: &Address, subject: &Digest) {
        if let Some(list) = self.beside.run().lists.get_mut(&about(address, subject)) {
            list.entries.clear();
        }
    }

    /// What stands there instead of what was just written; `None`: that does, or nothing new was to be read for as long
    /// as a reading may be old.
    async fn instead(
        &self,
        address: &Address,
        subject: &Digest,
        written: &Value,
    ) -> Result<Option<Stands>, Error> {
        for wait in std::iter::once(Duration::ZERO).chain(self.patience.waits()) {
            tokio::time::sleep(wait).await;
            match self.fallback_index(address, subject).await? {
                (Stands::Index(index), _) if index == *written => return Ok(None),
                (Stands::Nothing, _) | (_, false) => {}
                (other, true) => return Ok(Some(other)),
            }
        }
        tracing::debug!(%subject, "the index of referrers still reads as before it was written");
        Ok(None)
    }

    /// After another program wrote to the list of an image: reads it until that shows, so that what we write next takes
    /// nothing of it away.
    pub async fn await_other_writer(&self, image: &PinnedReference) -> Result<(), Error> {
        let (address, subject) = (Address::pinned(image), image.digest());
        let elsewhere = self.beside.run().written_elsewhere.contains(&address.authority);
        if elsewhere || !self.lacks(&address.authority, Ability::Referrers) {
            return Ok(());
        }
        for wait in std::iter::once(Duration::ZERO).chain(self.patience.waits()) {
            tokio::time::sleep(wait).await;
            if self.fallback_index(&address, &subject).await?.1 {
                return Ok(());
            }
        }
        // It keeps what it writes somewhere else: that is not waited for again.
        self.beside.run().written_elsewhere.insert(address.authority);
        Ok(())
    }
}

fn about(address: &Address, subject: &Digest) -> About {
    (address.authority.clone(), address.repository.clone(), *subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_index_is_one() {
        assert!(index(br#"{"schemaVersion":2,"manifests":[]}"#).is_some());
        // Go writes an empty list so.
        let null = index(br#"{"schemaVersion":2,"manifests":null}"#).unwrap();
        assert_eq!(null["manifests"], json!([]));
        let image = br#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        for other in [b"{}", &image[..], b"<html></html>", b"[]", br#"{"manifests":{}}"#] {
            assert_eq!(index(other), None);
        }
    }

    #[test]
    fn entries_are_put_in_once_and_others_stay() {
        let (a, b) = (json!({"digest": "a", "x": 1}), json!({"digest": "b"}));
        let mut entries = vec![a.clone()];
        assert!(add(&mut entries, &[json!({"digest": "a"}), b.clone()]));
        assert_eq!(entries, [a, b.clone()]);
        assert!(!add(&mut entries, &[b]));
    }
}
