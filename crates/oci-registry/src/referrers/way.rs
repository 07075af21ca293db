//! The ways to store artifacts of an image in its registry, and what is lost by a lesser one. Pure.

use crate::abilities::Ability;

/// From the best to none: each is used where the one before is not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// The registry lists what has a subject (distribution spec 1.1, "Listing Referrers").
    Referrers,
    /// Clients keep that list themselves, an index under the tag `sha256-HEX` (the spec's fallback).
    FallbackTag,
    /// An image of its own under a tag of its own, whose annotations say what it is.
    PlainImage,
    /// The registry takes nothing.
    Nowhere,
}

impl Way {
    /// The best way of a registry that lacks these abilities.
    pub(crate) fn of(lacks: impl Fn(Ability) -> bool) -> Self {
        if !lacks(Ability::ArtifactTypes) {
            if !lacks(Ability::Referrers) {
                return Way::Referrers;
            }
            if !lacks(Ability::FallbackTags) {
                return Way::FallbackTag;
            }
        }
        match lacks(Ability::PlainImages) || lacks(Ability::Tags) {
            true => Way::Nowhere,
            false => Way::PlainImage,
        }
    }

    /// What is lost by it; `None`: nothing is.
    pub(crate) fn loss(self) -> Option<LossKind> {
        match self {
            Way::Referrers | Way::FallbackTag => None,
            Way::PlainImage => Some(LossKind::Artifacts),
            Way::Nowhere => Some(LossKind::Everything),
        }
    }
}

/// What a registry turned out not to take beside images, so that something is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The registry.
    pub host: String,
    /// What it does not take.
    pub kind: LossKind,
    /// What it answered.
    pub answer: String,
}

/// What a registry does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossKind {
    /// Artifacts: they are stored as images under tags of their own, where other tools do not look for them.
    Artifacts,
    /// Anything beside images: nothing is stored.
    Everything,
    /// Tags of this client.
    Tags,
}

#[cfg(test)]
mod tests {
    use super::Ability::{ArtifactTypes, FallbackTags, PlainImages, Referrers, Tags};
    use super::*;

    #[test]
    fn each_way_is_taken_where_the_one_before_cannot_be_had() {
        let way = |lacks: &[Ability]| Way::of(|ability| lacks.contains(&ability));
        assert_eq!(way(&[]), Way::Referrers);
        assert_eq!(way(&[FallbackTags, PlainImages, Tags]), Way::Referrers);
        assert_eq!(way(&[Referrers]), Way::FallbackTag);
        assert_eq!(way(&[Referrers, PlainImages, Tags]), Way::FallbackTag);
        assert_eq!(way(&[Referrers, FallbackTags]), Way::PlainImage);
        // What takes no artifacts has no use for lists of them.
        assert_eq!(way(&[ArtifactTypes]), Way::PlainImage);
        assert_eq!(way(&[ArtifactTypes, PlainImages]), Way::Nowhere);
        assert_eq!(way(&[Referrers, FallbackTags, Tags]), Way::Nowhere);
    }

    #[test]
    fn only_a_lesser_way_is_worth_a_word() {
        let told = [Way::Referrers, Way::FallbackTag, Way::PlainImage, Way::Nowhere];
        assert_eq!(told.map(|way| way.loss().is_some()), [false, false, true, true]);
    }
}
