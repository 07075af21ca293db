//! The project's files, the store and the disk.

use camino::Utf8Path;
use indicatif::DecimalBytes;

use super::check::{Check, Level};
use crate::commands::Context;
use crate::config;
use crate::index::Surroundings;
use crate::lock;
use crate::net::redacted;
use crate::release;
use crate::room;
use crate::spec::{self, Spec};
use crate::store::Store;

/// The wheels of the built-in stack and what a build makes of them need about this much.
const ROOM: u64 = 10_000_000_000;

/// Checks envlock.toml; returns its spec when it is valid.
pub(super) fn spec(context: &Context) -> (Check, Option<Spec>) {
    match context.spec() {
        Ok(spec) => {
            let own = context.path(spec::FILE_NAME).exists();
            let found = if own { "is valid" } else { "none: the built-in stack is used" };
            (Check::ok("envlock.toml", found), Some(spec))
        }
        Err(error) => (Check::error("envlock.toml", Level::Fail, &error), None),
    }
}

/// env.lock: readable, for this spec, complete.
pub(super) fn lock(context: &Context, spec: &Spec) -> Check {
    let name = "env.lock";
    match context.read_lock(&context.lock_name(None)) {
        Err(error @ lock::Error::Missing { .. }) => Check::error(name, Level::Warn, &error),
        Err(error) => Check::error(name, Level::Fail, &error),
        Ok((lock, _)) if lock.spec_sha256 != spec.sha256() => {
            Check::warn(name, "was resolved from another spec", "run `envlock resolve`")
        }
        Ok((lock, _)) => match lock.unpinned().as_slice() {
            [] => Check::ok(name, format!("{} packages, all pinned", lock.packages.len())),
            missing => Check::warn(name, missing.join("; "), "run `envlock resolve` again"),
        },
    }
}

/// config.yaml and the other files that name images exist, and have the places to be edited.
pub(super) fn config(context: &Context, spec: &Spec) -> Check {
    let path = context.path(&spec.config.path);
    if !spec.config.targets.is_empty() {
        let files = release::config_files(&context.folder, &spec.config);
        return match files.and_then(|files| Ok(config::current(&files, &spec.config)?)) {
            Ok(roles) => Check::ok("config", format!("{} places for images", roles.len())),
            Err(error) => Check::error("config", Level::Fail, &error),
        };
    }
    match fs_err::read_to_string(&path) {
        Ok(_) => Check::ok("config", format!("{path} is there")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::warn(
            "config",
            format!("{path} does not exist"),
            "set [config] path in envlock.toml, or push with --no-config",
        ),
        Err(error) => Check::fail("config", error.to_string(), "make it readable"),
    }
}

/// The address of PyPI, which the spec may leave to the user's own settings.
pub(super) async fn pypi(context: &Context, spec: &Spec) -> Check {
    let name = "PyPI";
    let named = spec.sources.iter().find(|(source, _)| source.as_str() == "pypi");
    if let Some(url) = named.and_then(|(_, source)| source.url.as_ref()) {
        return Check::ok(name, format!("{} from envlock.toml", redacted(url)));
    }
    match Surroundings::of_process(&context.folder).pypi().await {
        Ok(address) => {
            let found = format!("{} from {}", redacted(&address.url), address.from);
            match address.unused.as_slice() {
                [] => Check::ok(name, found),
                unused => Check::warn(name, found, unused.join("; ")),
            }
        }
        Err(error) => Check::error(name, Level::Fail, &error),
    }
}

/// The store can be written, and its disk has free space.
pub(super) fn store() -> Vec<Check> {
    let name = "store";
    let store = match Store::open() {
        Ok(store) => store,
        Err(error) => return vec![Check::error(name, Level::Fail, &error)],
    };
    // A new text each time: a file that exists already would prove nothing about writing.
    let text = format!("envlock doctor {} {}", std::process::id(), jiff::Timestamp::now());
    let written = match store.put(text.as_bytes()) {
        Ok(file) => {
            // The test file: failing to remove it is not a finding.
            let _ = fs_err::remove_file(file.path());
            Check::ok(name, format!("{} can be written", store.root()))
        }
        Err(error) => Check::error(name, Level::Fail, &error),
    };
    vec![written, room(store.root())]
}

fn room(folder: &Utf8Path) -> Check {
    let name = "disk";
    let Some(free) = room::free(folder) else {
        return Check::warn(
            name,
            format!("{folder}: its free space is not known"),
            "check the disk",
        );
    };
    let found = format!("{} free at {folder}", DecimalBytes(free));
    if free >= ROOM {
        return Check::ok(name, found);
    }
    let todo = format!(
        "the built-in stack needs about {}; free some, or set ENVLOCK_STORE to another disk",
        DecimalBytes(ROOM)
    );
    Check::warn(name, found, todo)
}
