//! The hash of a file whose index states none: read once, and remembered for as long as its server
//! says that it is the same file.

use serde::{Deserialize, Serialize};
use url::Url;

use super::fetch::{Head, Piece};
use super::{Error, Fetcher};
use crate::digest::{Hasher, Sha256};
use crate::net::redacted;

/// The kind of fact, with the version of its form.
const KIND: &str = "location-1";

#[derive(Serialize, Deserialize)]
struct Remembered {
    head: Head,
    sha256: Sha256,
    size: u64,
}

/// Hash and bytes of the file. What was read goes to the store, where a build finds it.
pub(super) async fn hash(fetcher: &Fetcher, url: &Url) -> Result<(Sha256, u64), Error> {
    let Some(store) = fetcher.store() else { return streamed(fetcher, url).await };
    let key = Sha256::of(redacted(url).as_str());
    let before = fetcher.head(url).await?.filter(Head::is_proof);
    if let (Some(head), Some(known)) = (&before, store.recall::<Remembered>(KIND, &key))
        && known.head == *head
    {
        return Ok((known.sha256, known.size));
    }
    let (sha256, size) = fetcher.keep(store, url).await?;
    // A file that changed while it was read must not be remembered under either state.
    if let Some(head) = before
        && fetcher.head(url).await?.as_ref() == Some(&head)
        && let Err(error) = store.remember(KIND, &key, &Remembered { head, sha256, size })
    {
        tracing::debug!(%error, "the hash is not remembered");
    }
    Ok((sha256, size))
}

async fn streamed(fetcher: &Fetcher, url: &Url) -> Result<(Sha256, u64), Error> {
    let mut hasher = Hasher::default();
    let size = fetcher
        .stream(url, |piece| {
            match piece {
                Piece::Bytes(bytes) => sha2::Digest::update(&mut hasher, bytes),
                Piece::Restart => hasher = Hasher::default(),
            }
            Ok(())
        })
        .await?;
    Ok((Sha256::finish(&mut hasher), size))
}
