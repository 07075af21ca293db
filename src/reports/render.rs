//! `envlock render --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// The compose file that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Render<'a> {
    /// The form of this report.
    pub version: Version,
    /// The template's path, or what envlock's own is called.
    pub template: &'a str,
    /// The file of the settings.
    pub config: &'a str,
    /// Where the result belongs; null: it is in `text`.
    pub file: Option<&'a str>,
    /// Whether the file was something else before. With `--check` it still is.
    pub changed: bool,
    /// What is probably not meant, a sentence each.
    pub warnings: &'a [String],
    /// The result, where no file was named.
    pub text: Option<&'a str>,
}

impl Report for Render<'_> {
    const COMMAND: &'static str = "render";
}
