//! `envlock schema --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// The names of all schemas.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schema<'a> {
    /// The form of this report.
    pub version: Version,
    /// The names that `envlock schema NAME` knows.
    pub schemas: &'a [&'a str],
}

impl Report for Schema<'_> {
    const COMMAND: &'static str = "schema";
}
