//! `--check` and `--diff`: from files alone, without a server.

use camino::Utf8Path;

use crate::commands::{Context, summary};
use crate::exit::{CommandResult, Exit, Failure};
use crate::lock::{self, Diff, Lock};
use crate::release;
use crate::reports;
use crate::spec::Spec;

/// `--check`: whether the lock is for this spec.
///
/// # Errors
/// There is no lock.
pub(super) fn check(
    name: &Utf8Path,
    spec: &Spec,
    old: Option<Lock>,
    context: &Context,
) -> CommandResult {
    let Some(lock) = old else {
        return Err(lock::Error::Missing { path: context.path(name) }.into());
    };
    let reasons = lock::stale(&lock, spec);
    let fresh = reasons.is_empty();
    let report = reports::Resolve::Checked { version: reports::Version, fresh, reasons: &reasons };
    context.result(&report, || reasons.iter().map(|reason| format!("stale: {reason}\n")).collect());
    context.ui.output([("fresh".to_owned(), reasons.is_empty().to_string())]);
    reasons.iter().for_each(|reason| context.ui.problem(name, format!("stale: {reason}")));
    if reasons.is_empty() {
        context.ui.note(format!("{name} answers the spec: {} packages", lock.packages.len()));
        return Ok(Exit::Ok);
    }
    Ok(Exit::LockStale)
}

/// `--diff`: what the lock on disk changes against an earlier one, from files alone.
pub(super) fn compare(before: &str, name: &Utf8Path, context: &Context) -> CommandResult {
    let (lock, _) = context.read_lock(name)?;
    let file = context.path(before);
    let text = if file.is_file() {
        fs_err::read_to_string(&file)
            .map_err(|source| lock::Error::Unreadable { path: file, source })?
    } else {
        release::file_at(&context.folder, before, name)
            .map_err(|why| Failure::message(Exit::Usage, format!("--diff {before}: {why}")))?
    };
    let diff = Diff::between(Some(&lock::parse(&text)?), &lock);
    context
        .ui
        .summary(|| format!("## {name}, compared with {before}\n\n{}", summary::packages(&diff)));
    let (version, lock) = (reports::Version, name.as_str());
    let report = reports::Resolve::Compared { version, lock, before, diff: &diff };
    if diff.is_empty() {
        context.ui.note(format!("{name} is the same as in {before}"));
    }
    context.result(&report, || if diff.is_empty() { String::new() } else { diff.with_sizes() });
    Ok(Exit::Ok)
}
