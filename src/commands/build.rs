//! `envlock build`

use super::Context;
use crate::cli::Build;
use crate::exit::{CommandResult, Exit, Failure};

/// Runs `envlock build`.
pub async fn run(_args: Build, _context: &Context) -> CommandResult {
    Err(Failure::message(Exit::Failed, "not built yet"))
}
