//! Names and repositories of the images.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::image::{ImagePlan, Plan};
use crate::reference::PinnedReference;
use crate::spec::ImageName;

pub(super) type Images = BTreeMap<ImageName, PinnedReference>;

/// The planned images that have a repository, with their digests.
pub(super) fn pinned(plan: &Plan, digests: &BTreeMap<ImageName, Digest>) -> Images {
    let pinned = |image: &ImagePlan| {
        let reference = image.repository.as_ref()?.pinned(*digests.get(&image.name)?);
        Some((image.name.clone(), reference))
    };
    plan.images.iter().filter_map(pinned).collect()
}
