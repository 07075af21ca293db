//! The hash of a file whose index states none: computed once, and kept for as long as the server's validators stay the
//! same.

use serde::{Deserialize, Serialize};
use url::Url;

use super::body::Piece;
use super::fetch::Head;
use super::{Error, Fetcher};
use crate::digest::{Checker, Hasher, Sha256, Stated};
use crate::net::redacted;

/// The store's kind of these facts, with the version of their form.
const KIND: &str = "location-1";

#[derive(Serialize, Deserialize)]
struct Entry {
    head: Head,
    sha256: Sha256,
    size: u64,
    /// The hashes that the file was checked against.
    #[serde(default)]
    stated: Vec<Stated>,
}

/// Hash and size of the file, which is checked against what its page states. It is downloaded into the store, where a build
/// finds it.
///
/// # Errors
/// The file cannot be read, or [`Error::Stated`].
pub(super) async fn hash(
    fetcher: &Fetcher,
    url: &Url,
    stated: &[Stated],
) -> Result<(Sha256, u64), Error> {
    let Some(store) = fetcher.store() else { return streamed(fetcher, url, stated).await };
    let key = Sha256::of(redacted(url).as_str());
    let before = fetcher.head(url).await?.filter(Head::is_proof);
    if let (Some(head), Some(known)) = (&before, store.recall::<Entry>(KIND, &key))
        && known.head == *head
        && known.stated == stated
    {
        return Ok((known.sha256, known.size));
    }
    let (sha256, size) = fetcher.keep(store, url, stated).await?;
    let known = |head| Entry { head, sha256, size, stated: stated.to_vec() };
    // The hash of a file that changed while it was read must not be stored under either validator.
    if let Some(head) = before
        && fetcher.head(url).await?.as_ref() == Some(&head)
    {
        store.remember(KIND, &key, &known(head));
    }
    Ok((sha256, size))
}

async fn streamed(fetcher: &Fetcher, url: &Url, stated: &[Stated]) -> Result<(Sha256, u64), Error> {
    let (mut hasher, mut checker) = (Hasher::default(), Checker::new(stated));
    let size = fetcher
        .stream(url, |piece| {
            match piece {
                Piece::Bytes(bytes) => {
                    sha2::Digest::update(&mut hasher, bytes);
                    checker.update(bytes);
                }
                Piece::Restart => {
                    (hasher, checker) = (Hasher::default(), Checker::new(stated));
                }
            }
            Ok(())
        })
        .await?;
    checker.finish().map_err(|mismatch| Error::stated(url, mismatch))?;
    Ok((Sha256::finish(&mut hasher), size))
}
