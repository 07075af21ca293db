//! What a prune did, for people and programs.

use std::collections::BTreeMap;

use super::gather::Gathered;
use super::line::line;
use super::sweep::{Gone, Swept};
use crate::cli::Prune;
use crate::commands::Context;
use crate::exit::Exit;
use crate::image::Repository;
use crate::release;
use crate::reports::{self, Removed, Version};
use crate::retention::Removal;

/// Reports what was removed, or in a dry run what would be.
pub(super) fn report(args: &Prune, gathered: &Gathered, swept: &Swept, context: &Context) {
    let (dry_run, from) = (args.dry_run, gathered.retention.from);
    let Swept { gone: Gone { removed, refused, .. }, locks, freed } = swept;
    let report = reports::Prune {
        version: Version,
        dry_run,
        kept_from: from,
        removed: removed.iter().map(|(place, removal)| described(place, removal)).collect(),
        refused,
        locks: *locks,
        freed_bytes: freed.unwrap_or(0),
    };
    context.result(&report, || {
        let lines: Vec<_> = removed.iter().map(|(place, removal)| line(place, removal)).collect();
        lines.join("\n")
    });
    let (what, unwritten) = match dry_run {
        true => ("would remove", "; nothing was removed"),
        false => ("removed", ""),
    };
    let count = removed.len();
    context.ui.note(format!(
        "{what} {count} manifests and tags, {locks} lock copies; releases from {from} on are kept{unwritten}"
    ));
    if let Some(bytes) = freed {
        let bytes = indicatif::DecimalBytes(*bytes);
        context.ui.note(format!("{bytes} were freed in your own registry"));
    }
    let other = gathered.elsewhere(context);
    if other > 0 && !args.registry {
        context
            .ui
            .note(format!("{other} repositories were not searched; --registry does that too"));
    }
}

/// Nothing was released here.
pub(super) fn without_release(dry_run: bool, context: &Context) -> Exit {
    let file = release::FILE_NAME;
    context
        .ui
        .note(format!("{file} has no release, so nothing counts as old; nothing was removed"));
    let report = reports::Prune {
        version: Version,
        dry_run,
        kept_from: 0,
        removed: vec![],
        refused: &BTreeMap::new(),
        locks: 0,
        freed_bytes: 0,
    };
    context.result(&report, String::new);
    Exit::Ok
}

fn described(place: &Repository, removal: &Removal) -> Removed {
    let repository = place.to_string();
    match removal {
        Removal::Record { number, digest, .. } => {
            Removed::Record { repository, release: *number, digest: *digest }
        }
        Removal::Tag(tag) => Removed::Tag { repository, tag: tag.clone() },
        Removal::Image { number, digest, .. } => {
            Removed::Image { repository, release: *number, digest: *digest }
        }
    }
}
