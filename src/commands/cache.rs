//! `envlock cache`: the folder of downloads and index answers, and removing what is old there.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::Context;
use crate::cli::{Cache, CacheVerb};
use crate::exit::{CommandResult, Exit, Failure};
use crate::lock;
use crate::reports::{self, Version};
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

pub fn run(args: &Cache, context: &Context) -> CommandResult {
    let store = Store::open()?;
    let (lock, unused_days, dry_run) = match &args.verb {
        CacheVerb::Dir => {
            let dir = store.root().as_str();
            context.result(&reports::Cache::Dir { version: Version, dir }, || dir.to_owned());
            return Ok(Exit::Ok);
        }
        CacheVerb::Prune { lock, unused_days, dry_run } => (lock, *unused_days, *dry_run),
    };
    // Without a project, no lock keeps anything.
    let locks = if lock.is_empty() { locks_of_project(context)? } else { lock.clone() };
    let mut keep = BTreeSet::new();
    for lock in locks {
        let (lock, _) = context.read_lock(&lock)?;
        keep.extend(lock.packages.iter().map(|package| package.sha256));
    }
    let unused = Duration::from_secs(unused_days.saturating_mul(DAY));
    let pruned = store.prune(unused, &keep, dry_run)?;
    context.result(&reports::Cache::Prune { version: Version, dry_run, pruned }, || {
        let verb = if dry_run { "would remove" } else { "removed" };
        format!("{verb} {} files, {} freed", pruned.files, indicatif::DecimalBytes(pruned.bytes))
    });
    Ok(Exit::Ok)
}
