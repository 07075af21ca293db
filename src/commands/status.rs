//! `envlock status`

use super::Context;
use crate::cli::Status;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock status`.
pub async fn run(_args: Status, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
