//! `envlock outdated`: which locked packages have newer versions, and what holds each back.

use std::collections::BTreeMap;

use super::{Context, query_index};
use crate::cli::Outdated;
use crate::exit::{CommandResult, Exit};
use crate::index::CachePolicy;
use crate::lock;
use crate::reports;
use crate::solve::{Behind, LockedFile, behind};
use crate::spec::Overrides;

pub async fn run(args: Outdated, context: &Context) -> CommandResult {
    let overrides = Overrides {
        index: args.index.clone(),
        without: args.without.clone(),
        exclude_newer: args.exclude_newer,
    };
    let spec = overrides.apply(context.spec()?)?;
    let file = context.lock_name(args.lock.as_deref());
    let (lock, _) = context.read_lock(&file)?;
    if lock.spec_sha256 != spec.sha256() {
        context.ui.warn(format!("{} does not match the spec; see `envlock resolve --check`", file));
    }
    let file_of =
        |p: &lock::Package| LockedFile { version: p.version.clone(), file: p.file.clone() };
    let locked: BTreeMap<_, _> =
        lock.packages.iter().map(|p| (p.name.clone(), file_of(p))).collect();
    let names: Vec<_> = locked.keys().cloned().collect();
    let asked = spec.clone();
    let question = move |catalog: &dyn crate::catalog::Catalog, environment: &_| {
        behind(&asked, environment, catalog, &locked)
    };
    // The latest versions are needed: the cache is not used.
    let (answer, error) = query_index::query(
        &spec,
        &lock.python.version,
        lock.target.glibc,
        &names,
        CachePolicy::Refresh,
        context,
        question,
    )
    .await?;
    let behind = match (answer, error) {
        (Ok(behind), _) => behind,
        (Err(_), Some(error)) => return Err(error.into()),
        (Err(error), None) => return Err(error.into()),
    };
    if context.ui.wants_json() {
        context.ui.json(&reports::Outdated { version: reports::Version, outdated: &behind });
        return Ok(Exit::Ok);
    }
    for Behind { name, locked, .. } in behind.iter().filter(|b| b.withdrawn) {
        context.ui.warn(format!("{name} {locked} was withdrawn since it was locked (yanked)"));
    }
    let newer = behind.iter().filter(|b| b.fits.is_some()).count();
    context.ui.note(match (behind.len(), newer) {
        (0, _) => format!("all {} packages of {} are the newest", lock.packages.len(), file),
        (all, newer) => format!(
            "{all} of {} packages have newer versions; `envlock resolve --upgrade` takes {newer}",
            lock.packages.len()
        ),
    });
    context.ui.result(table(&behind));
    Ok(Exit::Ok)
}

/// Requirements of the spec first, then the rest.
fn table(behind: &[Behind]) -> String {
    if behind.is_empty() {
        return String::new();
    }
    let row = |b: &Behind| {
        let star = if b.requested { "*" } else { "" };
        let fits = b.fits.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
        [
            format!("{}{star}", b.name),
            b.locked.to_string(),
            fits,
            b.newest.to_string(),
            b.why.clone().unwrap_or_default(),
        ]
    };
    let head = ["PACKAGE", "LOCKED", "FITS", "NEWEST", "HELD BACK BY"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(behind.iter().map(row)).collect();
    let width = |at: usize| rows.iter().map(|r| r[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}\n", (cells.collect::<String>() + &row[4]).trim_end())
    };
    rows.iter().map(line).collect()
}
