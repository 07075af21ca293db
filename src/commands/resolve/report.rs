//! Writes the lock where it changed, and reports the change.

use camino::Utf8Path;
use pep508_rs::PackageName;

use super::choose::Remarks;
use crate::cli::Resolve;
use crate::commands::{Context, summary};
use crate::digest::Sha256;
use crate::exit::{Exit, Failure};
use crate::lock::{self, Diff, Lock};
use crate::release;
use crate::reports::{self, LockFile};
use crate::spec::Spec;

/// A lock, and whether its file was written.
pub(super) struct Outcome<'a> {
    pub lock: &'a Lock,
    pub text: String,
    pub diff: Diff,
    pub written: bool,
}

impl<'a> Outcome<'a> {
    /// Writes the lock, unless the file has it already or `dry_run` is set.
    ///
    /// # Errors
    /// The file cannot be written; it is then unchanged.
    pub fn write(
        lock: &'a Lock,
        old: Option<&Lock>,
        name: &Utf8Path,
        dry_run: bool,
        context: &Context,
    ) -> Result<Self, Failure> {
        let text = lock::render(lock);
        let path = context.path(name);
        let diff = Diff::between(old, lock);
        let unchanged = fs_err::read_to_string(&path).is_ok_and(|before| before == text);
        let written = !dry_run && !unchanged;
        if written {
            // Not during a release or rollback, which may write to the same file.
            // A project without envlock's folder has had neither.
            let has_folder = context.path(release::FOLDER).exists();
            let _project = has_folder.then(|| context.lock_project()).transpose()?;
            context.write(&path, &text)?;
        }
        Ok(Outcome { lock, text, diff, written })
    }
}

/// Reports the state of the lock.
pub(super) fn report(
    args: &Resolve,
    name: &Utf8Path,
    spec: &Spec,
    outcome: &Outcome<'_>,
    remarks: &Remarks,
    context: &Context,
) -> Exit {
    let Outcome { lock, text, diff, written } = outcome;
    let unpinned = lock.unpinned();
    for missing in &unpinned {
        context.ui.warn(format!("not pinned yet: {missing}"));
    }
    let is_needed =
        |name: &PackageName| args.without.contains(name) || lock.package(name).is_some();
    for name in spec.unused(is_needed) {
        context.ui.warn(format!("nothing needs {name}, which stands under [packages]"));
    }
    context.ui.output([
        ("lock_changed".to_owned(), written.to_string()),
        ("lock_sha256".to_owned(), Sha256::of(text).to_string()),
        ("packages".to_owned(), lock.packages.len().to_string()),
    ]);
    context.ui.summary(|| {
        let plan = if args.dry_run { ", not written" } else { "" };
        format!("## {name}{plan}\n\n{}", summary::packages(diff))
    });
    let size: u64 = lock.packages.iter().map(|p| p.size).sum();
    let unpacked: u64 = lock.packages.iter().map(|p| p.unpacked_size).sum();
    context.ui.note(format!(
        "{} packages, {} to download, {} installed; torch family on {}; {}",
        lock.packages.len(),
        indicatif::DecimalBytes(size),
        indicatif::DecimalBytes(unpacked),
        spec.target.cuda,
        match (args.dry_run, *written) {
            (true, _) => format!("{name} not written (--dry-run)"),
            (false, true) => format!("wrote {name}"),
            (false, false) => format!("{name} is unchanged"),
        }
    ));
    let report = reports::Resolve::Resolved {
        version: reports::Version,
        written: *written,
        lock: LockFile(lock),
        diff,
        held_back: &remarks.held_back,
        surprises: &remarks.surprises,
        unpinned: &unpinned,
    };
    context.result(&report, || diff.to_string());
    Exit::Ok
}
