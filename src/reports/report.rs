//! The trait of all results.

use schemars::JsonSchema;
use serde::Serialize;

/// The result of a command as `--json` prints it.
pub trait Report: Serialize + JsonSchema {
    /// The command's name.
    const COMMAND: &'static str;
}
