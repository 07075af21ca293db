//! `envlock init`: envlock.toml with every key and its default, never over an existing file.

use std::io::Write;

use super::Context;
use crate::cli::Init;
use crate::exit::{CommandResult, Exit, Failure};
use crate::spec;

/// Runs `envlock init`.
pub fn run(_args: &Init, context: &Context) -> CommandResult {
    let path = context.path(spec::FILE_NAME);
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::message(Exit::Usage, format!("{path} exists already; nothing was changed"))
        }
        _ => Failure::message(Exit::Failed, format!("{path} cannot be written: {e}")),
    };
    let mut file =
        fs_err::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    file.write_all(spec::BUILTIN_TEXT.as_bytes()).map_err(failed)?;
    context.ui.note(format!("wrote {path}: the built-in stack, every key with its default"));
    Ok(Exit::Ok)
}
