//! What is checked, and how much of it.

use std::time::Duration;

use super::checks::{Check, CheckName, Expected};
use crate::digest::{Digest, Sha256};
use crate::reference::PinnedReference;

/// An image, and what it is compared with.
#[derive(Debug, Clone)]
pub struct Target {
    /// The image.
    pub image: PinnedReference,
    /// What people call it.
    pub name: String,
    /// How the search for its lock ended.
    pub lock_check: Check,
    /// The lock's hash; `None`: there is none, and nothing else is checked.
    pub lock: Option<Sha256>,
    /// What it must hold; as `lock`.
    pub expected: Option<Expected>,
    /// `USER` of its config.
    pub user: String,
    /// Its layers in the registry, each with its bytes.
    pub layers: Vec<(Digest, u64)>,
    /// Its registry may be asked over plain http.
    pub plain: bool,
}

impl Target {
    /// Bytes of its layers in the registry.
    pub(super) fn compressed(&self) -> u64 {
        self.layers.iter().map(|(_, size)| size).sum()
    }
}

/// What is to be checked, and for how long at most.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Only these checks; empty: all.
    pub only: Vec<CheckName>,
    /// How long a container may take for one of them.
    pub limit: Duration,
}

impl Default for Selection {
    /// Everything, as patiently as `envlock verify` is.
    fn default() -> Self {
        Selection { only: vec![], limit: Duration::from_secs(300) }
    }
}

impl Selection {
    /// Whether this check is wanted.
    pub(super) fn wants(&self, check: CheckName) -> bool {
        self.only.is_empty() || self.only.contains(&check)
    }
}
