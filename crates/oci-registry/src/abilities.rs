//! What registries turned out not to support. Each of these is optional, or missing in some registries: a client tries
//! it once, and after a refusal uses the alternative at once.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something that a registry may not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ability {
    /// A blob in parts: PATCH.
    Chunks,
    /// The state of an upload: GET of its session.
    SessionStatus,
    /// A part of a blob: GET with Range.
    Ranges,
    /// A blob of another repository: POST with mount and from.
    Mounts,
    /// The list of an image's referrers: GET referrers.
    Referrers,
    /// HEAD of a manifest.
    HeadManifests,
    /// An index under the tag `sha256-HEX` that clients keep themselves.
    FallbackTags,
    /// Manifests with an artifact type, or a config of another media type than an image's.
    ArtifactTypes,
    /// DELETE of a manifest.
    Deletes,
    /// An image that stands for something else.
    PlainImages,
    /// Other tags than those of releases.
    Tags,
}

/// What registries do not support, by their `HOST[:PORT]`.
#[derive(Debug, Default)]
pub(crate) struct Lacks(Mutex<BTreeSet<(String, Ability)>>);

impl Lacks {
    /// Whether this authority has shown that it cannot do it.
    pub(crate) fn has(&self, authority: &str, ability: Ability) -> bool {
        self.lock().contains(&(authority.to_owned(), ability))
    }

    /// Records that this authority does not support it; returns whether that is new.
    pub(crate) fn learn(&self, authority: &str, ability: Ability) -> bool {
        let new = self.lock().insert((authority.to_owned(), ability));
        if new {
            tracing::debug!(authority, ?ability, "the registry cannot do this");
        }
        new
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(String, Ability)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_learnt_once_and_for_its_authority() {
        let lacks = Lacks::default();
        assert!(!lacks.has("ghcr.io", Ability::Referrers));
        assert!(lacks.learn("ghcr.io", Ability::Referrers));
        assert!(!lacks.learn("ghcr.io", Ability::Referrers));
        assert!(lacks.has("ghcr.io", Ability::Referrers));
        assert!(!lacks.has("ghcr.io", Ability::Deletes));
        assert!(!lacks.has("ghcr.io:443", Ability::Referrers));
    }
}
