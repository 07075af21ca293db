//! All that `envlock size` tells at once.

use super::{Changes, Files, ImageSize, Shared};

/// Everything that was asked of `envlock size`.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// In the order asked for; an image that continues another comes after it.
    pub images: Vec<ImageSize>,
    /// What the images share; only where there are several.
    pub shared: Option<Shared>,
    /// Against another release, an entry an image; only with `--since`.
    pub changes: Vec<Changes>,
    /// What the files are; only with `--files`.
    pub files: Vec<Files>,
}
