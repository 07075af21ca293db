//! A removed item as a line of output.

use crate::image::Repository;
use crate::retention::Removal;

pub(super) fn line(place: &Repository, removal: &Removal) -> String {
    match removal {
        Removal::Record { number, digest, .. } => {
            format!("{place}@{digest}  (the record of release {number})")
        }
        Removal::Tag(tag) => format!("{place}:{tag}  (its image stays)"),
        Removal::Image { number, digest, .. } => {
            format!("{place}@{digest}  (an image of release {number}, with all that is about it)")
        }
    }
}
