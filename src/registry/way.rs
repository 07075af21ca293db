//! How what is about an image is kept in its registry, and what is lost by a lesser way. Pure.

use super::abilities::Ability;

/// From the best to none: each is taken where the one before cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
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
    pub(super) fn of(lacks: impl Fn(Ability) -> bool) -> Self {
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

    /// What is lost by it, for people; `None`: nothing is.
    pub(super) fn loss(self) -> Option<&'static str> {
        match self {
            Way::Referrers | Way::FallbackTag => None,
            Way::PlainImage => Some(
                "keeps no artifacts beside images: lock, bill of materials, provenance and records of releases go there \
                 as plain images under tags of their own, where envlock finds them, and cosign and oras do not",
            ),
            Way::Nowhere => Some(
                "keeps nothing beside images: the release is made, but `verify --supply` finds no lock, bill of materials \
                 or provenance there, and `history --from-registry` no record",
            ),
        }
    }
}

/// What is lost where a registry takes none of our tags.
pub(super) const NO_TAGS: &str = "takes no tags of releases: the registry's own cleaning may remove the images of this one, \
                                  and `history --from-registry` does not find it there";

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
