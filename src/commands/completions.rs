//! `envlock completions SHELL`: the script on stdout.

use clap::CommandFactory;

use super::Context;
use crate::cli::{Cli, Completions};
use crate::exit::{CommandResult, Exit};

pub fn run(args: &Completions, context: &Context) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "envlock", &mut script);
    context.ui.result(String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
