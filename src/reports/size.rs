//! `envlock size --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::size::{self, Changes, Files, ImageSize, Shared};

/// The sizes of images.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Size<'a> {
    /// The form of this report.
    pub version: Version,
    /// In the requested order; an image that continues another comes after it.
    pub images: &'a [ImageSize],
    /// What the images share; null: there is only one.
    pub shared: Option<&'a Shared>,
    /// The changes since another release, an entry for each image; only with `--since`.
    pub changes: &'a [Changes],
    /// The files by kind, an entry for each image; only with `--files`.
    pub files: &'a [Files],
}

impl<'a> From<&'a size::Report> for Size<'a> {
    fn from(report: &'a size::Report) -> Self {
        let size::Report { images, shared, changes, files } = report;
        Size { version: Version, images, shared: shared.as_ref(), changes, files }
    }
}

impl Report for Size<'_> {
    const COMMAND: &'static str = "size";
}
