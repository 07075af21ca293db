//! What a CI job is told of a build: the plan, or the release.

use crate::commands::summary;
use crate::image::{self, Plan};
use crate::lock::{Diff, Lock};
use crate::release::Published;
use crate::ui::Ui;

use super::command::Images;

/// A build that was only planned. `diff` is the change of config.yaml.
pub(super) fn planned(ui: &Ui, plan: &Plan, earlier: Option<&Lock>, lock: &Lock, diff: &str) {
    ui.output([
        ("lock_sha256".to_owned(), plan.lock_sha256.to_string()),
        ("config_changes".to_owned(), (!diff.is_empty()).to_string()),
    ]);
    ui.summary(|| {
        let layers = image::show(plan);
        format!(
            "## Plan: what a release would do\n\n{}\n{}\n<details><summary>Images and \
             layers</summary>\n\n```\n{layers}```\n\n</details>\n",
            packages(earlier, lock),
            summary::diff("Configuration, without the digests", diff),
        )
    });
}

/// Images that are in the registry. `published` is `None` where nothing was to be released.
pub(super) fn pushed(
    ui: &Ui,
    images: &Images,
    earlier: Option<&Lock>,
    (lock, plan): (&Lock, &Plan),
    published: Option<&Published>,
) {
    let record = published.and_then(|published| published.record.as_ref());
    let number = record.map(|record| record.number.to_string()).unwrap_or_default();
    let own = [
        ("released".to_owned(), record.is_some().to_string()),
        ("release".to_owned(), number.clone()),
        ("lock_sha256".to_owned(), plan.lock_sha256.to_string()),
    ];
    ui.output(own.into_iter().chain(summary::values(images)));
    ui.summary(|| {
        let title = match (published, record) {
            (_, Some(_)) => format!("Release {number}"),
            (Some(_), None) => "Nothing changed: these images run already".to_owned(),
            (None, None) => {
                "Images are in the registry; nothing was released (no --push)".to_owned()
            }
        };
        let diff = published.map(|p| p.diff.as_str()).unwrap_or_default();
        let changed = record.map(|_| packages(earlier, lock)).unwrap_or_default();
        let diff = summary::diff("Configuration", diff);
        format!("## {title}\n\n{}\n{changed}\n{diff}", summary::images(images))
    });
}

fn packages(earlier: Option<&Lock>, lock: &Lock) -> String {
    match earlier {
        Some(earlier) => summary::packages(&Diff::between(Some(earlier), lock)),
        None => format!("{} packages; no earlier release to compare with.\n", lock.packages.len()),
    }
}
