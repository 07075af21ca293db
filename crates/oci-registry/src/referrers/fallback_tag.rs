//! The list of what is about an image that clients keep where the registry keeps none: an index under the tag
//! `sha256-HEX` (distribution spec 1.1, "Referrers Tag Schema"). No entry is taken out but by who removes the artifact.

use std::time::Duration;

use bytes::Bytes;
use oci_digest::Digest;
use serde_json::{Value, json};

use crate::abilities::Ability;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::model::media_type::INDEX;
use crate::reference::{PinnedReference, Repository};
use crate::referrers::attached::about;

/// How often the index is read again: others may write it between reading and writing.
const ATTEMPTS: u32 = 10;

/// What that tag refers to.
#[derive(Debug, PartialEq)]
pub(crate) enum Stands {
    /// Nothing, or nothing that may be read.
    Nothing,
    /// An index.
    Index(Value),
    /// Something else: GitLab answers with the image itself.
    Other,
}

/// An index as it is; `None`: this is none.
pub(crate) fn index(bytes: &[u8]) -> Option<Value> {
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
    pub(crate) async fn fallback_index(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
    ) -> Result<(Stands, bool), Error> {
        let path = format!("manifests/{}", subject.referrers_tag());
        let bytes = match self.document(endpoint, &path).await {
            Ok(Some((_, bytes))) => bytes,
            Ok(None) => return Ok((Stands::Nothing, false)),
            // Not every registry says 404 of a tag that is not there.
            Err(error) if error.is_refusal() => return Ok((Stands::Nothing, false)),
            Err(error) => return Err(error),
        };
        let Some(index) = index(&bytes) else {
            self.lacks.learn(&endpoint.authority, Ability::FallbackTags);
            return Ok((Stands::Other, true));
        };
        let new = self.remember(endpoint, subject, &bytes, &index);
        Ok((Stands::Index(index), new))
    }

    fn remember(&self, endpoint: &Endpoint, subject: &Digest, bytes: &[u8], index: &Value) -> bool {
        let mut state = self.attached.state();
        let list = state.lists.entry(about(endpoint, *subject)).or_default();
        let new = list.versions.insert(Digest::of(bytes));
        // An old version read once more may have what was taken out since.
        if new {
            add(&mut list.entries, index["manifests"].as_array().map_or(&[], Vec::as_slice));
        }
        new
    }

    fn remembered(&self, endpoint: &Endpoint, subject: &Digest) -> Vec<Value> {
        let state = self.attached.state();
        state
            .lists
            .get(&about(endpoint, *subject))
            .map(|list| list.entries.clone())
            .unwrap_or_default()
    }

    /// Puts entries into the index, all in one write. `false`: what stands there is no index.
    pub(crate) async fn put_in_index(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
        added: &[Value],
    ) -> Result<bool, Error> {
        self.rewrite(endpoint, subject, |entries| add(entries, added)).await
    }

    /// Takes artifacts out of the index, where there is one. A list that may not be written keeps them, which does no
    /// harm: what is not there is not found.
    pub(crate) async fn unrefer(
        &self,
        at: &Repository,
        subject: &Digest,
        gone: &[Digest],
    ) -> Result<(), Error> {
        let endpoint = Endpoint::pinned(&at.pinned(*subject));
        if !matches!(self.fallback_index(&endpoint, subject).await?.0, Stands::Index(_)) {
            return Ok(());
        }
        let gone: Vec<_> = gone.iter().map(Digest::to_string).collect();
        let take = |entries: &mut Vec<Value>| {
            let before = entries.len();
            entries.retain(|e| !e["digest"].as_str().is_some_and(|d| gone.iter().any(|g| g == d)));
            entries.len() < before
        };
        if let Some(list) = self.attached.state().lists.get_mut(&about(&endpoint, *subject)) {
            take(&mut list.entries);
        }
        match self.rewrite(&endpoint, subject, take).await {
            Err(error) if error.is_refusal() => {
                tracing::info!(%error, "the list of referrers stays as it is");
                Ok(())
            }
            done => done.map(|_| ()),
        }
    }

    /// Reads the index, changes it, writes it, and looks whether that is what stands there. Registries have no way to
    /// write only what was read: another program that read before and writes after our look still takes our entry away.
    /// For certainty, read again later, or use a tag.
    async fn rewrite(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
        change: impl Fn(&mut Vec<Value>) -> bool,
    ) -> Result<bool, Error> {
        // Two tasks of this client could else lose an entry.
        let turn = self.uploads.places(endpoint, *subject);
        let _one_at_a_time = turn.lock().await;
        let (mut stands, _) = self.fallback_index(endpoint, subject).await?;
        for attempt in 0..ATTEMPTS {
            let mut index = match stands {
                Stands::Nothing => {
                    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] })
                }
                Stands::Index(index) => index,
                Stands::Other => return Ok(false),
            };
            let known = self.remembered(endpoint, subject);
            let Some(entries) = index["manifests"].as_array_mut() else { return Ok(false) };
            // What is read may be older than what this run has seen and written.
            let restored = add(entries, &known);
            if !change(entries) && !restored {
                return Ok(true);
            }
            tracing::debug!(attempt, %subject, "writing the index of referrers");
            let bytes = Bytes::from(index.to_string());
            self.put(endpoint, &bytes, &subject.referrers_tag()).await?;
            self.forget_entries(endpoint, subject);
            self.remember(endpoint, subject, &bytes, &index);
            match self.instead(endpoint, subject, &index).await? {
                None => return Ok(true),
                Some(other) => stands = other,
            }
        }
        let cause = format!("others wrote it each of {ATTEMPTS} times in the same moment");
        Err(endpoint.malformed("the index of referrers", cause))
    }

    fn forget_entries(&self, endpoint: &Endpoint, subject: &Digest) {
        if let Some(list) = self.attached.state().lists.get_mut(&about(endpoint, *subject)) {
            list.entries.clear();
        }
    }

    /// What stands there instead of what was just written; `None`: that does, or nothing new was to be read for as long
    /// as a reading may be old.
    async fn instead(
        &self,
        endpoint: &Endpoint,
        subject: &Digest,
        written: &Value,
    ) -> Result<Option<Stands>, Error> {
        for wait in std::iter::once(Duration::ZERO).chain(self.patience.waits()) {
            tokio::time::sleep(wait).await;
            match self.fallback_index(endpoint, subject).await? {
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
        let (endpoint, subject) = (Endpoint::pinned(image), image.digest());
        let elsewhere = self.attached.state().written_elsewhere.contains(&endpoint.authority);
        if elsewhere || !self.lacks.has(&endpoint.authority, Ability::Referrers) {
            return Ok(());
        }
        for wait in std::iter::once(Duration::ZERO).chain(self.patience.waits()) {
            tokio::time::sleep(wait).await;
            if self.fallback_index(&endpoint, &subject).await?.1 {
                return Ok(());
            }
        }
        // It keeps what it writes somewhere else: that is not waited for again.
        self.attached.state().written_elsewhere.insert(endpoint.authority);
        Ok(())
    }
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
