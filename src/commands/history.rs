//! `envlock history`

use super::Context;
use crate::cli::History;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock history`.
pub fn run(_args: &History, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
