//! `envlock cache`: where downloads and index answers are kept, and making room there.

use std::time::Duration;

use serde_json::json;

use super::Context;
use crate::cli::{Cache, CacheVerb};
use crate::exit::{CommandResult, Exit};
use crate::lock;
use crate::store::Store;

/// Seconds in a day.
const DAY: u64 = 24 * 3600;

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
    let keep = match context.read_lock(lock) {
        Ok((lock, _)) => lock.packages.iter().map(|package| package.sha256).collect(),
        // A folder without a project has nothing to keep.
        Err(lock::Error::Missing { .. }) => Default::default(),
        Err(error) => return Err(error.into()),
    };
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
        indicatif::HumanBytes(pruned.bytes)
    ));
    Ok(Exit::Ok)
}
