//! `envlock serve --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// What is served; printed as soon as the server listens.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Serve<'a> {
    /// The form of this report.
    pub version: Version,
    /// HOST:PORT
    pub address: String,
    /// The folder of the images.
    pub folder: &'a str,
}

impl Report for Serve<'_> {
    const COMMAND: &'static str = "serve";
}
