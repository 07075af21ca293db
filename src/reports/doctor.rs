//! `envlock doctor --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};

/// The results of all checks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Doctor<'a> {
    /// The form of this report.
    pub version: Version,
    /// Whether no check failed; warnings do not count.
    pub healthy: bool,
    /// Every check, in the order they are printed.
    pub checks: &'a [Check],
}

impl Report for Doctor<'_> {
    const COMMAND: &'static str = "doctor";
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No problem.
    Ok,
    /// Some commands will not do everything.
    Warn,
    /// Something will fail.
    Fail,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Its outcome.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}
