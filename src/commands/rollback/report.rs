//! Reports a rollback to people, programs and CI jobs.

use crate::commands::{Context, summary};
use crate::release::{Plan, Published};
use crate::reports;

/// What a rollback to a release that changed no file means for the files; `None`: it changed some, or is the state before
/// the first.
fn beside_files(plan: &Plan) -> Option<&'static str> {
    if plan.target.release == 0 || plan.target.changed_files {
        return None;
    }
    Some(match plan.edits.is_empty() {
        true => "none has to change, and its images are in env.releases.jsonl and in the output",
        false => "the files get what they had then, its images are in env.releases.jsonl alone",
    })
}

/// Reports what was done, or with `dry_run` what would be.
pub(super) fn report(context: &Context, plan: &Plan, published: &Published, dry_run: bool) {
    let target = plan.target.release;
    let name = if target == 0 {
        "the state before the first release".to_owned()
    } else {
        format!("release {target}")
    };
    let number = published.record.as_ref().map(|record| record.number);
    context.ui.note(match number {
        _ if dry_run => format!("would go back to {name}; nothing was written"),
        Some(number) => format!("went back to {name}; recorded as release {number}"),
        None => format!("{name} runs already; nothing was written"),
    });
    if let Some(note) = beside_files(plan) {
        context.ui.note(format!("{name} was recorded without changing a file: {note}"));
    }
    let shown = number.map(|number| number.to_string()).unwrap_or_default();
    let own = [
        ("released", number.is_some().to_string()),
        ("release", shown),
        ("rollback_to", target.to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    context.ui.output(own.into_iter().chain(summary::values(&plan.target.images)));
    context.ui.summary(|| {
        let title = match number {
            _ if dry_run => format!("Plan: back to {name}"),
            Some(number) => format!("Release {number}: back to {name}"),
            None => format!("Nothing changed: {name} runs already"),
        };
        let images = summary::images(&plan.target.images);
        format!("## {title}\n\n{images}\n{}", summary::diff("Files", &published.diff))
    });
    let report = reports::Rollback {
        version: reports::Version,
        dry_run,
        to: target,
        release: number,
        images: &plan.target.images,
        conflicts: plan.conflicts.iter().map(ToString::to_string).collect(),
        diff: &published.diff,
    };
    context.result(&report, || {
        // Where no file names them, only these lines say what runs.
        let images = plan.target.images.values().map(|image| format!("{image}\n"));
        let images: String = images.filter(|_| plan.edits.is_empty() && target != 0).collect();
        images + &published.diff
    });
}
