//! `envlock doctor`

use super::Context;
use crate::cli::Doctor;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock doctor`.
pub async fn run(_args: Doctor, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
