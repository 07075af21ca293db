//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use envlock::cli::Cli;
use envlock::{commands, index};

fn main() -> ExitCode {
    index::built_with(option_env!("ENVLOCK_DEFAULT_INDEX"));
    ExitCode::from(commands::run(Cli::parse()) as u8)
}
