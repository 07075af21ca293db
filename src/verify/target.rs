//! The images to check, and the selection of checks.

use std::time::Duration;

use super::checks::{Check, CheckName, Expected};
use crate::digest::{Digest, Sha256};
use crate::reference::PinnedReference;

/// An image, and what it is compared with.
#[derive(Debug, Clone)]
pub struct Target {
    /// The image.
    pub image: PinnedReference,
    /// Its name for people.
    pub name: String,
    /// The result of the search for its lock.
    pub lock_check: Check,
    /// The lock's hash; `None`: there is none, and nothing else is checked.
    pub lock: Option<Sha256>,
    /// Its expected content; `None` as for `lock`.
    pub expected: Option<Expected>,
    /// `USER` of its config.
    pub user: String,
    /// Its layers in the registry, each with its bytes.
    pub layers: Vec<(Digest, u64)>,
    /// Whether its registry is asked over plain http.
    pub plain: bool,
}

impl Target {
    /// Bytes of its layers in the registry.
    pub(super) fn compressed(&self) -> u64 {
        self.layers.iter().map(|(_, size)| size).sum()
    }
}

/// The selected checks, and their time limit.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Only these checks; empty: all.
    pub only: Vec<CheckName>,
    /// The time limit of a container for one of them.
    pub limit: Duration,
}

impl Default for Selection {
    /// All checks, with the default time limit.
    fn default() -> Self {
        Selection { only: vec![], limit: Duration::from_secs(300) }
    }
}

impl Selection {
    /// Whether this check is selected.
    pub(super) fn wants(&self, check: CheckName) -> bool {
        self.only.is_empty() || self.only.contains(&check)
    }
}
