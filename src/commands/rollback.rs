//! `envlock rollback`

use super::Context;
use crate::cli::Rollback;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock rollback`.
pub async fn run(_args: Rollback, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
