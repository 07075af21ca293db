//! The whole report of `envlock size`.

use super::{Changes, Files, ImageSize, Shared};

/// Everything that `envlock size` reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// In the requested order; an image that continues another comes after it.
    pub images: Vec<ImageSize>,
    /// What the images share; only where there are several.
    pub shared: Option<Shared>,
    /// The changes since another release, an entry for each image; only with `--since`.
    pub changes: Vec<Changes>,
    /// The files by kind; only with `--files`.
    pub files: Vec<Files>,
}
