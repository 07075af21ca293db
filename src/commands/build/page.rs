//! The summary of a build for a CI job: the plan, or the release.

use super::images::Images;
use super::prepared::Prepared;
use crate::commands::summary;
use crate::image::{self, Plan};
use crate::lock::Diff;
use crate::release;

/// A build that was only planned. `diff` is the change of config.yaml.
pub(super) fn planned(prepared: &Prepared<'_>, plan: &Plan, diff: &str) {
    let ui = &prepared.context.ui;
    ui.output([
        ("lock_sha256".to_owned(), plan.lock_sha256.to_string()),
        ("config_changes".to_owned(), (!diff.is_empty()).to_string()),
    ]);
    ui.summary(|| {
        let layers = image::show(plan);
        format!(
            "## Plan: what a release would do\n\n{}\n{}\n<details><summary>Images and \
             layers</summary>\n\n```\n{layers}```\n\n</details>\n",
            packages(prepared),
            summary::diff("Configuration, without the digests", diff),
        )
    });
}

/// Images that are in the registry; `released` is `None` without --push.
pub(super) fn published(
    prepared: &Prepared<'_>,
    plan: &Plan,
    images: &Images,
    released: Option<&release::Published>,
) {
    let ui = &prepared.context.ui;
    let record = released.and_then(|released| released.record.as_ref());
    let number = record.map(|record| record.number.to_string()).unwrap_or_default();
    let own = [
        ("released".to_owned(), record.is_some().to_string()),
        ("release".to_owned(), number.clone()),
        ("lock_sha256".to_owned(), plan.lock_sha256.to_string()),
    ];
    ui.output(own.into_iter().chain(summary::values(images)));
    ui.summary(|| {
        let title = match (released, record) {
            (_, Some(_)) => format!("Release {number}"),
            (Some(_), None) => "Nothing changed: these images run already".to_owned(),
            (None, None) => {
                "Images are in the registry; nothing was released (no --push)".to_owned()
            }
        };
        let diff = released.map(|p| p.diff.as_str()).unwrap_or_default();
        let changed = record.map(|_| packages(prepared)).unwrap_or_default();
        let diff = summary::diff("Configuration", diff);
        format!("## {title}\n\n{}\n{changed}\n{diff}", summary::images(images))
    });
}

fn packages(prepared: &Prepared<'_>) -> String {
    let lock = &prepared.lock;
    match &prepared.earlier {
        Some(earlier) => summary::packages(&Diff::between(Some(earlier), lock)),
        None => format!("{} packages; no earlier release to compare with.\n", lock.packages.len()),
    }
}
