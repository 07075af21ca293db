//! Manifests that were read and hashed in this run: what a digest means is asked once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::address::Address;
use super::pin::prove;
use super::{Client, Error};
use crate::digest::Digest;

/// A manifest's place: host, repository, digest.
type Place = (String, String, Digest);

/// The bytes of manifests, by place.
#[derive(Debug, Default)]
pub(super) struct Read(Mutex<HashMap<Place, Bytes>>);

impl Client {
    /// Remembers a manifest that is in this repository, whose digest was made from these bytes.
    pub(super) fn note(&self, address: &Address, digest: Digest, bytes: &Bytes) {
        let mut read = self.read.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(place(address, digest), bytes.clone());
    }

    fn noted(&self, address: &Address, digest: Digest) -> Option<Bytes> {
        let read = self.read.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(&place(address, digest)).cloned()
    }

    /// The bytes of a manifest: as they were read or put earlier in this run, else from the registry. Errors:
    /// [`Error::NotFound`], [`Error::Integrity`].
    pub(super) async fn manifest(&self, address: &Address, digest: Digest) -> Result<Bytes, Error> {
        if let Some(bytes) = self.noted(address, digest) {
            return Ok(bytes);
        }
        let fetched = self.document(address, &format!("manifests/{digest}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| address.not_found())?;
        prove(address, "the manifest", &headers, &bytes, Some(digest))?;
        self.note(address, digest, &bytes);
        Ok(bytes)
    }
}

fn place(address: &Address, digest: Digest) -> Place {
    (address.authority.clone(), address.repository.clone(), digest)
}
