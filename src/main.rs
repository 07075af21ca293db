//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use envlock::cli::Cli;
use envlock::commands;

fn main() -> ExitCode {
    ExitCode::from(commands::run(Cli::parse()) as u8)
}
