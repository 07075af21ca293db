//! Decides which images are on the devel base.

use crate::spec::{ImageName, Spec};

/// Whether the image is on the devel base: decided by the name of the lowest image that it continues, in the spec and in
/// the Dockerfile.
pub fn is_devel(image: &ImageName, spec: &Spec) -> bool {
    names_devel(spec.chain(image).last().map_or(image, |image| &image.name))
}

pub(super) fn names_devel(image: &ImageName) -> bool {
    image.as_str() == "devel" || image.as_str().ends_with("-devel")
}
