//! Manifests that were read and hashed: what a digest means is asked once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use oci_digest::Digest;

use crate::endpoint::Endpoint;

/// A manifest's place: host, repository, digest.
type Place = (String, String, Digest);

/// The bytes of manifests, by place.
#[derive(Debug, Default)]
pub(crate) struct ReadManifests(Mutex<HashMap<Place, Bytes>>);

impl ReadManifests {
    /// Remembers a manifest that is in this repository, whose digest was made from these bytes.
    pub(crate) fn note(&self, endpoint: &Endpoint, digest: Digest, bytes: &Bytes) {
        self.lock().insert(place(endpoint, digest), bytes.clone());
    }

    pub(crate) fn get(&self, endpoint: &Endpoint, digest: Digest) -> Option<Bytes> {
        self.lock().get(&place(endpoint, digest)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(endpoint: &Endpoint, digest: Digest) -> Place {
    (endpoint.authority.clone(), endpoint.repository.clone(), digest)
}
