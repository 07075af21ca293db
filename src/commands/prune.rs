//! `envlock prune`: what is older than the kept releases and in no role goes, here and with `--registry` there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Context, embedded, kept};
use crate::cli::Prune;
use crate::exit::{CommandResult, Exit, Failure};
use crate::image::Repository;
use crate::keep::{self, Removal, Retention};
use crate::registry::Client;
use crate::registry::embedded::{Report, listen, project_name, server};
use crate::release;
use crate::reports::{self, Removed, Version};

/// A push may be on its way to its manifest: what is younger than this stays in the user's own registry.
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
        return Ok(nothing(args.dry_run, context));
    }
    let keep = args.keep.unwrap_or(spec.release.keep).get();
    let mentioned = kept::mentioned(context, &spec, &history)?;
    let retention = Retention::of(&history, keep, &mentioned);
    let here = |place: &&Repository| embedded::is_own(context, &place.registry);
    let mut looked = retention.clone();
    looked.old.retain(|place, _| args.registry || here(&place));
    let known: Vec<u64> = history.records.iter().map(|record| record.number).collect();
    let client = context.registry(&spec, args.insecure)?;
    let sweeping = Sweeping { args: &args, context, client: &client, known: &known };
    let mut gone = Gone::default();
    sweeping.old_layout(&looked, &mut gone).await?;
    let serving =
        embedded::hold_for(context, retention.old.keys().map(|p| p.registry.as_str())).await?;
    sweeping.sweep(&looked, Clone::clone, &mut gone).await?;
    drop(serving);
    for tag in &gone.foreign {
        context.ui.note(format!("{tag} is of no release of this history: it stays"));
    }
    let Gone { removed, refused, .. } = gone;
    let locks = release::retain_locks(project.folder(), &retention.locks, args.dry_run)?;
    let freed = if args.dry_run { None } else { free(context, &retention)? };
    let bytes = freed.unwrap_or(0);
    let report = reports::Prune {
        version: Version,
        dry_run: args.dry_run,
        kept_from: retention.from,
        removed: removed.iter().map(|(place, removal)| described(place, removal)).collect(),
        refused: &refused,
        locks,
        freed_bytes: bytes,
    };
    context.result(&report, || {
        let lines: Vec<_> = removed.iter().map(|(place, removal)| line(place, removal)).collect();
        lines.join("\n")
    });
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
        let bytes = indicatif::DecimalBytes(bytes);
        context.ui.note(format!("{bytes} came free in your own registry"));
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

/// Without a release.
fn nothing(dry_run: bool, context: &Context) -> Exit {
    let file = release::FILE_NAME;
    context
        .ui
        .note(format!("{file} has no release, so nothing is known to be old; nothing was removed"));
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

/// What became of everything.
#[derive(Default)]
struct Gone {
    removed: BTreeSet<(Repository, Removal)>,
    /// Registry → what it said.
    refused: BTreeMap<String, String>,
    /// Tags of no release of this history.
    foreign: BTreeSet<String>,
}

struct Sweeping<'a> {
    args: &'a Prune,
    context: &'a Context,
    client: &'a Client,
    /// The numbers of the history's releases.
    known: &'a [u64],
}

impl Sweeping<'_> {
    /// Takes what is old out of these places; `shown` is what a place is called to people.
    async fn sweep(
        &self,
        old: &Retention,
        shown: impl Fn(&Repository) -> Repository,
        gone: &mut Gone,
    ) -> Result<(), keep::Error> {
        let (plan, foreign) = keep::plan(self.client, old, self.known).await?;
        gone.foreign.extend(foreign);
        for (place, removals) in &plan {
            let name = shown(place);
            if self.args.dry_run {
                gone.removed.extend(removals.iter().map(|r| (name.clone(), r.clone())));
                continue;
            }
            let swept = keep::sweep(self.client, place, removals).await?;
            gone.removed.extend(swept.removed.into_iter().map(|r| (name.clone(), r)));
            for (removal, said) in swept.refused {
                self.context.ui.warn(format!("{} stays: {said}", line(&name, &removal)));
                gone.refused.entry(name.registry.clone()).or_insert(said);
            }
        }
        Ok(())
    }

    /// The same in the layout that an earlier version kept in the project folder, which the user's registry only
    /// reads: it is served for this alone.
    async fn old_layout(&self, looked: &Retention, gone: &mut Gone) -> Result<(), Failure> {
        let Some(layout) = embedded::old_layout(self.context) else { return Ok(()) };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), false).await?;
        let running = server(layout, Report::Server).start(listener)?;
        let at = running.address().to_string();
        let own = |place: &&Repository| embedded::is_own(self.context, &place.registry);
        let mut places: BTreeMap<Repository, Repository> = BTreeMap::new();
        let mut old = Retention { old: BTreeMap::new(), ..looked.clone() };
        for (place, images) in looked.old.iter().filter(|(place, _)| own(place)) {
            let there = Repository { registry: at.clone(), name: place.name.clone() };
            old.old.insert(there.clone(), images.clone());
            places.insert(there, place.clone());
        }
        let mut foreign = std::mem::take(&mut gone.foreign);
        let swept = self.sweep(&old, |place| places[place].clone(), gone).await;
        // They are told again by the registry that serves them all.
        std::mem::swap(&mut gone.foreign, &mut foreign);
        running.stop().await;
        Ok(swept?)
    }
}

/// Takes what nothing leads to out of the project's part of the user's registry, and out of the layout that an earlier
/// version kept in the project folder. Bytes that came free; `None`: there is neither.
fn free(context: &Context, retention: &Retention) -> Result<Option<u64>, Failure> {
    let mut freed = None;
    if embedded::has_images(context) {
        let layout = embedded::layout(context)?;
        let prefix = project_name(&context.folder);
        freed = Some(layout.prune(Some(&prefix), &retention.protected, GRACE)?.bytes);
    }
    if let Some(layout) = embedded::old_layout(context) {
        let bytes = layout.prune(None, &retention.protected, GRACE)?.bytes;
        freed = Some(freed.unwrap_or(0) + bytes);
    }
    Ok(freed)
}

fn line(place: &Repository, removal: &Removal) -> String {
    match removal {
        Removal::Record { number, digest, .. } => {
            format!("{place}@{digest}  (the record of release {number})")
        }
        Removal::Tag(tag) => format!("{place}:{tag}  (its image stays)"),
        Removal::Image { number, digest, .. } => {
            format!("{place}@{digest}  (an image of release {number}, with all that is about it)")
        }
    }
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
