//! `envlock prune`: what is older than the kept releases and in no role goes, here and with `--registry` there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Context, embedded, kept};
use crate::cli::Prune;
use crate::exit::{CommandResult, Exit};
use crate::image::Repository;
use crate::keep::{self, Removal, Retention};
use crate::registry::embedded::{FOLDER, Layout};
use crate::release;

/// A push may be on its way to its manifest: what is younger than this stays in the project's own registry.
const GRACE: Duration = Duration::from_secs(3600);

/// Runs `envlock prune`.
pub async fn run(args: Prune, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let project = context.lock_project()?;
    let (_, history) = release::read_history(&context.folder)?;
    if let Some(torn) = history.torn {
        return Err(release::Error::TornLine { line: torn.line, text: torn.text }.into());
    }
    if history.records.is_empty() {
        let file = release::FILE_NAME;
        context.ui.note(format!(
            "{file} has no release, so nothing is known to be old; nothing was removed"
        ));
        return Ok(Exit::Ok);
    }
    let keep = args.keep.unwrap_or(spec.release.keep).get();
    let mentioned = kept::mentioned(context, &spec, &history)?;
    let retention = Retention::of(&history, keep, &mentioned);
    let own = embedded::address();
    let here = |place: &&Repository| place.registry == own;
    let serving =
        embedded::hold_for(context, retention.old.keys().map(|p| p.registry.as_str())).await?;
    let client = context.registry(&spec, args.insecure)?;
    let mut looked = retention.clone();
    looked.old.retain(|place, _| args.registry || here(&place));
    let known: Vec<u64> = history.records.iter().map(|record| record.number).collect();
    let (plan, foreign) = keep::plan(&client, &looked, &known).await?;
    for tag in &foreign {
        context.ui.note(format!("{tag} is of no release of this history: it stays"));
    }
    let mut refused = BTreeMap::new();
    let mut removed: Vec<(Repository, Removal)> = Vec::new();
    for (place, removals) in &plan {
        if args.dry_run {
            removed.extend(removals.iter().map(|removal| (place.clone(), removal.clone())));
            continue;
        }
        let swept = keep::sweep(&client, place, removals).await?;
        removed.extend(swept.removed.into_iter().map(|removal| (place.clone(), removal)));
        for (removal, said) in swept.refused {
            context.ui.warn(format!("{} stays: {said}", line(place, &removal)));
            refused.entry(place.registry.clone()).or_insert(said);
        }
    }
    drop(serving);
    let locks = release::retain_locks(project.folder(), &retention.locks, args.dry_run)?;
    let freed = match args.dry_run || !context.path(FOLDER).join("oci-layout").is_file() {
        true => None,
        false => Some(Layout::open(context.path(FOLDER))?.prune(&retention.protected, GRACE)?),
    };
    let bytes = freed.map_or(0, |freed| freed.bytes);
    if context.ui.wants_json() {
        let list: Vec<Value> =
            removed.iter().map(|(place, removal)| described(place, removal)).collect();
        context.ui.json(&json!({
            "version": 1, "dry_run": args.dry_run, "kept_from": retention.from, "removed": list,
            "refused": refused, "locks": locks, "freed_bytes": bytes,
        }));
    } else {
        let lines: Vec<_> = removed.iter().map(|(place, removal)| line(place, removal)).collect();
        context.ui.result(lines.join("\n"));
    }
    let (what, unwritten) = match args.dry_run {
        true => ("would remove", "; nothing was removed"),
        false => ("removed", ""),
    };
    let count = removed.len();
    context.ui.note(format!(
        "{what} {count} manifests and tags, {locks} lock copies; releases from {} on are kept{unwritten}",
        retention.from
    ));
    if freed.is_some() {
        context.ui.note(format!("{} came free in {FOLDER}", indicatif::HumanBytes(bytes)));
    }
    let other = retention.old.keys().filter(|place| !here(place)).count();
    if other > 0 && !args.registry {
        context
            .ui
            .note(format!("{other} repositories were left alone; --registry looks there too"));
    }
    match refused.into_iter().next() {
        Some((host, said)) => Err(keep::Error::Undeletable { host, said }.into()),
        None => Ok(Exit::Ok),
    }
}

fn line(place: &Repository, removal: &Removal) -> String {
    match removal {
        Removal::Record { number, digest, .. } => {
            format!("{place}@{digest}  (the record of release {number})")
        }
        Removal::Tag(tag) => format!("{place}:{tag}  (its image stays)"),
        Removal::Image { number, digest } => {
            format!("{place}@{digest}  (an image of release {number}, with all that is about it)")
        }
    }
}

fn described(place: &Repository, removal: &Removal) -> Value {
    match removal {
        Removal::Record { number, digest, .. } => {
            json!({ "repository": place.to_string(), "what": "record", "release": number, "digest": digest })
        }
        Removal::Tag(tag) => json!({ "repository": place.to_string(), "what": "tag", "tag": tag }),
        Removal::Image { number, digest } => {
            json!({ "repository": place.to_string(), "what": "image", "release": number, "digest": digest })
        }
    }
}
