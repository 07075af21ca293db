//! `envlock export --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// The lock in another tool's format.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Export<'a> {
    /// The form of this report.
    pub version: Version,
    /// The file it was written to; null: it is in `text`.
    pub file: Option<&'a str>,
    /// How many packages the lock has.
    pub packages: usize,
    /// The result, where no file was named.
    pub text: Option<&'a str>,
}

impl Report for Export<'_> {
    const COMMAND: &'static str = "export";
}
