//! `envlock cache`: where downloads and index answers are kept, and making room there.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde_json::json;

use super::Context;
use crate::cli::{Cache, CacheVerb};
use crate::exit::{CommandResult, Exit, Failure};
use crate::lock;
use crate::store::Store;

/// Seconds in a day.
const DAY: u64 = 24 * 3600;

/// The locks of all profiles in the project's folder.
fn locks_of_project(context: &Context) -> Result<Vec<Utf8PathBuf>, Failure> {
    let unreadable = |e: std::io::Error| {
        Failure::message(Exit::Failed, format!("{} cannot be read: {e}", context.folder))
    };
    let entries = context.folder.read_dir_utf8().map_err(unreadable)?;
    let names = entries.map(|entry| Ok(entry.map_err(unreadable)?.file_name().to_owned()));
    let names: Vec<String> = names.collect::<Result<_, Failure>>()?;
    Ok(names.into_iter().filter(|name| lock::is_file_name(name)).map(Utf8PathBuf::from).collect())
}

/// Runs `envlock cache`.
pub fn run(args: &Cache, context: &Context) -> CommandResult {
    let store = Store::open()?;
    let (lock, unused_days, dry_run) = match &args.verb {
        CacheVerb::Dir => {
            match context.ui.wants_json() {
                true => context.ui.json(&json!({ "version": 1, "dir": store.root() })),
                false => context.ui.result(store.root().as_str()),
            }
            return Ok(Exit::Ok);
        }
        CacheVerb::Prune { lock, unused_days, dry_run } => (lock, *unused_days, *dry_run),
    };
    // A folder without a project has nothing to keep.
    let locks = if lock.is_empty() { locks_of_project(context)? } else { lock.clone() };
    let mut keep = BTreeSet::new();
    for lock in locks {
        let (lock, _) = context.read_lock(&lock)?;
        keep.extend(lock.packages.iter().map(|package| package.sha256));
    }
    let unused = Duration::from_secs(unused_days.saturating_mul(DAY));
    let pruned = store.prune(unused, &keep, dry_run)?;
    if context.ui.wants_json() {
        context.ui.json(&json!({ "version": 1, "dry_run": dry_run, "pruned": pruned }));
        return Ok(Exit::Ok);
    }
    context.ui.result(format!(
        "{} {} files, {} freed",
        if dry_run { "would remove" } else { "removed" },
        pruned.files,
        indicatif::DecimalBytes(pruned.bytes)
    ));
    Ok(Exit::Ok)
}
