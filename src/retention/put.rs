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

/// The content of a record artifact.
pub(super) fn parts(record: &Record, history: &[u8], lock: Option<&[u8]>) -> Vec<Part> {
    let part = |media_type: &str, name: &str, bytes: &[u8]| Part {
        media_type: media_type.to_owned(),
        name: name.to_owned(),
        bytes: Bytes::copy_from_slice(bytes),
        // The lock may be in the registry already; the other blobs contain the time of the release.
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

/// What a number's tags refer to in a repository, just before they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) record: Option<Digest>,
    pub(super) image: Option<Digest>,
}

/// The result of recording a release beside one image.
pub(super) struct Put {
    /// Whether the tags still referred to this release when they were read back.
    pub(super) holds: bool,
    /// What the registry refused.
    pub(super) lost: Vec<registry::Error>,
    /// Whether the lists of referrers show what is beside the image.
    pub(super) listed: Result<(), registry::Error>,
}

impl Put {
    /// Why something was not kept. What a registry cannot store at all is reported by its client, once.
    pub(super) fn untold(&self) -> Option<&registry::Error> {
        self.lost.iter().find(|error| is_untold(error))
    }
}

/// Whether a tag still refers to this release.
async fn holds(client: &Client, place: &Repository, digest: Option<Digest>, tag: &str) -> bool {
    match digest {
        // A tag that can no longer be read was accepted when it was written.
        Some(digest) => client.holds(place, digest, tag).await.unwrap_or(true),
        None => true,
    }
}

/// Puts the record beside one image and sets both tags. `seen`: what they refer to, if that was just read. `None`: one
/// of them refers to something else.
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
    // Both are read before either is written.
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

/// Whether it was not reported yet.
pub(super) fn is_untold(error: &registry::Error) -> bool {
    !matches!(error, registry::Error::NotKept { .. })
}
