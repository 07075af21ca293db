//! `envlock render --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// The compose file that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Render<'a> {
    /// The form of this report.
    pub version: Version,
    /// The template's path, or the name of envlock's own.
    pub template: &'a str,
    /// The file of the settings.
    pub config: &'a str,
    /// The output file; null: the result is in `text`.
    pub file: Option<&'a str>,
    /// Whether the file was different before. With `--check` it still is.
    pub changed: bool,
    /// Warnings about probable mistakes, a sentence each.
    pub warnings: &'a [String],
    /// The result, where no file was named.
    pub text: Option<&'a str>,
}

impl Report for Render<'_> {
    const COMMAND: &'static str = "render";
}
