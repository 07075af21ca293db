//! What a client knows of the artifacts that it attached.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_digest::Digest;
use serde_json::Value;

use crate::artifact::Artifact;
use crate::endpoint::Endpoint;
use crate::reference::Repository;
use crate::referrers::way::{Loss, LossKind};

/// An image: host, repository, digest.
pub(crate) type About = (String, String, Digest);

/// What was put beside images by a client.
#[derive(Debug, Default)]
pub(crate) struct Attached(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    /// What no list shows yet, by image.
    pub(crate) unlisted: HashMap<About, (Repository, Vec<Unlisted>)>,
    /// The lists that clients keep, as they were read and written.
    pub(crate) lists: HashMap<About, Remembered>,
    /// Hosts whose lists other programs do not write to.
    pub(crate) written_elsewhere: BTreeSet<String>,
    /// Why nothing more is tried, by host.
    pub(crate) refusals: HashMap<String, String>,
    /// What was reported, by host.
    pub(crate) reported: BTreeSet<(String, LossKind)>,
    /// What is to be reported.
    pub(crate) warnings: BTreeSet<Loss>,
}

impl Attached {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An artifact that is in its repository, and in no list.
#[derive(Debug)]
pub(crate) struct Unlisted {
    pub(crate) artifact: Artifact,
    /// Whether it is found by a tag anyway.
    pub(crate) tagged: bool,
}

/// A list as this client knows it: a reading may be older than that.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) entries: Vec<Value>,
    pub(crate) versions: HashSet<Digest>,
}

/// The key of an image.
pub(crate) fn about(endpoint: &Endpoint, subject: Digest) -> About {
    (endpoint.authority.clone(), endpoint.repository.clone(), subject)
}
