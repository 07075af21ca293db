//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use envlock::cli::Cli;
use envlock::{commands, index, system};

fn main() -> ExitCode {
    index::built_with(option_env!("ENVLOCK_DEFAULT_INDEX"));
    system::archive::built_with(option_env!("ENVLOCK_DEFAULT_DEBIAN"));
    ExitCode::from(commands::run(Cli::parse()) as u8)
}
