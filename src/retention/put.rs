//! The record beside one image, and the tags on both.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::{join, join_all, try_join};
use tokio::sync::oneshot;

use super::Error;
use super::names::{HISTORY, LOCK, RECORD, RELEASE, record_tag, tag};
use crate::digest::Digest;
use crate::image::Repository;
use crate::reference::PinnedReference;
use crate::registry::{self, Artifact, Client, Part, Subject};
use crate::release::Record;

/// What a record artifact holds.
pub(super) fn parts(record: &Record, history: &[u8], lock: Option<&[u8]>) -> Vec<Part> {
    let part = |media_type: &str, name: &str, bytes: &[u8]| Part {
        media_type: media_type.to_owned(),
        name: name.to_owned(),
        bytes: Bytes::copy_from_slice(bytes),
        // Who locks the same has the same lock; the moment of a release is in the others.
        is_new: media_type != LOCK,
    };
    let line = serde_json::to_vec(record).expect("a record always serializes");
    let mut parts = vec![
        part(RECORD, "release.json", &line),
        part(HISTORY, crate::release::FILE_NAME, history),
    ];
    parts.extend(lock.map(|lock| part(LOCK, crate::lock::FILE_NAME, lock)));
    parts
}

fn artifact(subject: Subject, record: &Record, parts: &[Part]) -> Artifact {
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.created".to_owned(), record.time.to_string()),
        ("dev.envlock.release".to_owned(), record.number.to_string()),
    ]);
    annotations
        .extend(record.lock.map(|sha| ("dev.envlock.lock.sha256".to_owned(), sha.to_string())));
    Artifact { artifact_type: RELEASE.to_owned(), subject, annotations, parts: parts.to_vec() }
}

/// What a number's tags mean in a repository, a moment before they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) record: Option<Digest>,
    pub(super) image: Option<Digest>,
}

/// What came of recording a release beside one image.
pub(super) struct Put {
    /// Whether the tags that were set still were ours a moment later.
    pub(super) holds: bool,
    /// What the registry did not take.
    pub(super) lost: Vec<registry::Error>,
    /// Whether lists show what lies beside the image.
    pub(super) listed: Result<(), registry::Error>,
}

impl Put {
    /// What kept something from being kept; what a registry takes in no way is told by its client, once.
    pub(super) fn untold(&self) -> Option<&registry::Error> {
        self.lost.iter().find(|error| is_untold(error))
    }
}

/// Whether a tag that was set is still ours.
async fn holds(client: &Client, place: &Repository, digest: Option<Digest>, tag: &str) -> bool {
    match digest {
        // What cannot be read any more was taken when it was written.
        Some(digest) => client.holds(place, digest, tag).await.unwrap_or(true),
        None => true,
    }
}

/// The record beside one image and both tags. `seen`: what they mean, where that was asked just now. `None`: one of them
/// is on something else.
pub(super) async fn put(
    client: &Client,
    image: &PinnedReference,
    record: &Record,
    parts: &[Part],
    seen: Option<Seen>,
) -> Result<Option<Put>, Error> {
    let place = Repository::of(image);
    let mut put = Put { holds: true, lost: vec![], listed: Ok(()) };
    let tags = (record_tag(record.number), tag(record.number));
    // Both are looked at before either is written.
    let known = async {
        let now = async {
            match seen {
                Some(seen) => Ok((seen.record, seen.image)),
                None => {
                    let looked = client.tagged_if_readable(&place, &tags.0);
                    try_join(looked, client.tagged_if_readable(&place, &tags.1)).await
                }
            }
        };
        Ok((client.subject(image).await?, now.await?))
    };
    let (artifact, now) = match known.await {
        Ok((subject, now)) => (artifact(subject, record, parts), now),
        Err(error) => {
            put.lost.push(error);
            return Ok(Some(put));
        }
    };
    if now.0.is_some_and(|now| !client.is(&artifact, now))
        || now.1.is_some_and(|now| now != image.digest())
    {
        return Ok(None);
    }
    // The list is written while the image gets its tag, and goes on while both tags are read back.
    let (tell, told) = oneshot::channel();
    let recorded = async {
        let recorded = client.attach_as(&place, &artifact, &tags.0, now.0).await;
        _ = tell.send(recorded.as_ref().ok().copied().flatten());
        (recorded, client.list_attached_to(image).await)
    };
    let named = async {
        let named = match now.1 {
            Some(_) => Ok(true),
            None => client.tag_if_free(&place, image.digest(), &tags.1).await,
        };
        let own = matches!(named, Ok(true)).then(|| image.digest());
        let written = [(told.await.unwrap_or_default(), &tags.0), (own, &tags.1)];
        let held = written.map(|(digest, tag)| holds(client, &place, digest, tag));
        (named, join_all(held).await)
    };
    let ((recorded, listed), (named, held)) = join(recorded, named).await;
    put.listed = listed;
    put.holds = !held.contains(&false);
    match recorded {
        Ok(None) => return Ok(None),
        Ok(Some(_)) => {}
        Err(error) => put.lost.push(error),
    }
    match named {
        Ok(false) => return Ok(None),
        Ok(true) => {}
        Err(error) => put.lost.push(error),
    }
    Ok(Some(put))
}

/// Whether nobody has told of it yet.
pub(super) fn is_untold(error: &registry::Error) -> bool {
    !matches!(error, registry::Error::NotKept { .. })
}
