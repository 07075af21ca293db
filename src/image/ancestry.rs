//! What an image continues.

use crate::spec::{ImageName, ImageSpec, Spec};

/// The image and those below it, nearest first; nothing where the spec does not have it.
pub fn ancestry<'a>(image: &ImageName, spec: &'a Spec) -> impl Iterator<Item = &'a ImageSpec> {
    std::iter::successors(spec.image(image), |image| spec.image(image.from.as_ref()?))
}
