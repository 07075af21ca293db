//! What registries turned out not to do. Each of these is optional, or left out by some that are in use: it is tried once
//! a run, and after it was refused the other way is taken at once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Client;

/// Something that a registry may not be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ability {
    /// A blob in parts: PATCH.
    Chunks,
    /// Saying how far an upload is: GET of its session.
    SessionStatus,
    /// A part of a blob: GET with Range.
    Ranges,
    /// A blob of another repository: POST with mount and from.
    Mounts,
    /// The list of what is about an image: GET referrers.
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
    /// Tags of our own.
    Tags,
}

/// What the registries of one run lack, by their `HOST[:PORT]`.
#[derive(Debug, Default)]
pub(super) struct Lacks(Mutex<BTreeSet<(String, Ability)>>);

impl Client {
    /// Whether this authority has shown in this run that it cannot do it.
    pub(super) fn lacks(&self, authority: &str, ability: Ability) -> bool {
        let lacks = self.lacks.0.lock().unwrap_or_else(PoisonError::into_inner);
        lacks.contains(&(authority.to_owned(), ability))
    }

    /// Keeps that this authority cannot do it; whether that is news.
    pub(super) fn learn_lack(&self, authority: &str, ability: Ability) -> bool {
        let mut lacks = self.lacks.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = lacks.insert((authority.to_owned(), ability));
        if new {
            tracing::debug!(authority, ?ability, "the registry cannot do this");
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{self, Retry};
    use crate::spec::RegistrySpec;

    #[test]
    fn a_lack_is_learnt_once_for_its_authority_and_known_to_every_clone() {
        let net = net::Client::new(Retry::default()).unwrap();
        let client = Client::new(net, &RegistrySpec::default(), false);
        let (clone, apart) = (client.clone(), client.apart());
        assert!(!client.lacks("ghcr.io", Ability::Referrers));
        assert!(clone.learn_lack("ghcr.io", Ability::Referrers));
        assert!(!client.learn_lack("ghcr.io", Ability::Referrers));
        assert!(client.lacks("ghcr.io", Ability::Referrers));
        assert!(apart.lacks("ghcr.io", Ability::Referrers));
        assert!(!client.lacks("ghcr.io", Ability::Deletes));
        assert!(!client.lacks("ghcr.io:443", Ability::Referrers));
    }
}
