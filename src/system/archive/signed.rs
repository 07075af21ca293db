//! An InRelease file: fetched, or remembered where it did not change, and verified in any case.

use bytes::Bytes;
use debian_archive::{Checked, Release, SignatureError, Signer, in_release, verify_clearsigned};
use jiff::Timestamp;
use url::Url;

use super::address::below;
use super::ask::{Answer, ask};
use super::{Error, Place};
use crate::digest::Sha256;
use crate::index::Cache;
use crate::index::cache::Kept;
use crate::net::{Client, redacted};

/// An InRelease file whose signature holds.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub sha256: Sha256,
    pub release: Release,
    pub signer: Signer,
    /// Signatures that do not count.
    pub others: Vec<Checked>,
    /// The date of an older one that the server gave, where this is the newer one that was remembered.
    pub instead_of: Option<Timestamp>,
}

const KIND: &str = "in-release";

/// The InRelease file of a suite at this place. `None`: there is none.
///
/// # Errors
/// The request failed, or it is not to be trusted.
pub(super) async fn signed(
    client: &Client,
    cache: &Cache,
    place: &Place,
    suite: &str,
    now: Timestamp,
) -> Result<Option<Signed>, Error> {
    let url = below(&place.url, &in_release(suite));
    let key = Sha256::of(url.as_str());
    let kept: Option<Kept<String>> = cache.get(KIND, &key);
    if let Some(kept) = kept.as_ref().filter(|kept| cache.may_reuse(&kept.validity)) {
        return read(&url, kept.answer.as_bytes(), place, now).map(Some);
    }
    match ask(client, &url, kept.as_ref().map(|kept| &kept.validity)).await? {
        Answer::Absent => Ok(None),
        Answer::Unchanged(validity) => {
            // Only what is kept can be unchanged.
            let Some(Kept { answer, validity: before }) = kept else { return Ok(None) };
            let read = read(&url, answer.as_bytes(), place, now)?;
            cache.put(KIND, &key, Kept { answer, validity: validity.after(before) });
            Ok(Some(read))
        }
        Answer::File(bytes, validity) => {
            let new = read(&url, &bytes, place, now)?;
            let old = kept.and_then(|kept| read(&url, kept.answer.as_bytes(), place, now).ok());
            // As apt does: of two that are signed, the newer one.
            if let Some(old) = old.filter(|old| old.release.date > new.release.date) {
                return Ok(Some(Signed { instead_of: Some(new.release.date), ..old }));
            }
            let answer = text(&url, bytes)?;
            cache.put(KIND, &key, Kept { answer, validity });
            Ok(Some(new))
        }
    }
}

fn text(url: &Url, bytes: Bytes) -> Result<String, Error> {
    let why = SignatureError::Malformed("it is no UTF-8");
    String::from_utf8(bytes.into())
        .map_err(|_| Error::Signature { url: redacted(url), why: why.into() })
}

fn read(url: &Url, bytes: &[u8], place: &Place, now: Timestamp) -> Result<Signed, Error> {
    let untrusted = |why: SignatureError| Error::Signature { url: redacted(url), why: why.into() };
    let verified = verify_clearsigned(bytes, &place.keys, now).map_err(untrusted)?;
    let release = Release::parse(&verified.text);
    Ok(Signed {
        sha256: Sha256::of(bytes),
        release: release.map_err(|why| Error::Release { url: redacted(url), why: why.into() })?,
        signer: verified.signer,
        others: verified.others,
        instead_of: None,
    })
}
