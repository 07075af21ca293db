//! `envlock resolve`

use super::Context;
use crate::cli::Resolve;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock resolve`.
pub async fn run(_args: Resolve, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
