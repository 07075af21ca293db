//! `envlock init`: envlock.toml with every key and its default, or the platform's files; never over an existing file.

use std::io::{ErrorKind, Write};

use camino::Utf8Path;

use super::Context;
use crate::cli::Init;
use crate::exit::{CommandResult, Exit, Failure};
use crate::room;
use crate::{render, spec};

/// What the platform needs beside config.yaml: the path in a project, and what is in it. Scripts begin with `#!`.
const PLATFORM: &[(&str, &str)] = &[
    ("docker/compose.yaml.jinja2", render::BUILT_IN),
    ("docker/ray.sh", include_str!("../../docker/ray.sh")),
    ("docker/health.py", include_str!("../../docker/health.py")),
    ("docker/notebooks/ray_pyg.py", include_str!("../../docker/notebooks/ray_pyg.py")),
    ("config.example.yaml", include_str!("../../config.example.yaml")),
];

/// The names of the platform's files.
pub(super) fn platform_files() -> impl Iterator<Item = &'static str> + Clone {
    PLATFORM.iter().map(|(name, _)| *name)
}

pub fn run(args: &Init, context: &Context) -> CommandResult {
    if args.platform {
        return platform(context);
    }
    let path = context.path(spec::FILE_NAME);
    if !write(&path, spec::BUILTIN_TEXT)? {
        let message = format!("{path} exists already; nothing was changed");
        return Err(Failure::message(Exit::Usage, message));
    }
    context.ui.note(format!("wrote {path}: the built-in stack, every key with its default"));
    Ok(Exit::Ok)
}

fn platform(context: &Context) -> CommandResult {
    for (name, text) in PLATFORM {
        let path = context.path(name);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).map_err(|e| Failure::message(Exit::Failed, e))?;
        }
        match write(&path, text)? {
            true => context.ui.note(format!("wrote {name}")),
            false => context.ui.note(format!("{name} exists already; it is not changed")),
        }
    }
    if !context.path("config.yaml").exists() {
        context
            .ui
            .note("there is no config.yaml: copy config.example.yaml to it, then `envlock render`");
    }
    Ok(Exit::Ok)
}

/// Writes a file unless it exists; returns whether it did.
fn write(path: &Utf8Path, text: &str) -> Result<bool, Failure> {
    use fs_err::os::unix::fs::OpenOptionsExt;
    let mode = if text.starts_with("#!") { 0o777 } else { 0o666 };
    let file = fs_err::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        let written = file.write_all(text.as_bytes());
        // The next run would take an incomplete file for the user's own.
        written.inspect_err(|_| _ = fs_err::remove_file(path))
    });
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            let left = room::left(path, &error);
            Err(Failure::message(Exit::Failed, format!("{path} cannot be written: {error}{left}")))
        }
    }
}
