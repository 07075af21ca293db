//! The verb itself: gather pins and candidates, solve, write the lock, say what changed.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use camino::Utf8Path;
use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::Serialize;

use super::target;
use crate::cli::Resolve;
use crate::commands::Context;
use crate::exit::{CommandResult, Exit, Failure};
use crate::index::{CACHE, Cache, Fetcher, LiveCatalog, Sources, Surroundings, Target, Trust};
use crate::lock::{self, Diff, Lock};
use crate::python::marker_environment;
use crate::solve::{Solution, solve};
use crate::spec::{self, Overrides, Spec};
use crate::store;
use crate::ui::Unit;

/// Runs `envlock resolve`.
pub async fn run(args: Resolve, context: &Context) -> CommandResult {
    let overrides = Overrides { index: args.index.clone(), without: args.without.clone() };
    let spec = overrides.apply(spec::load(&context.folder)?)?;
    let old = match context.read_lock(&args.lock) {
        Ok((lock, _)) => Some(lock),
        Err(lock::Error::Missing { .. }) => None,
        Err(error) if args.check => return Err(error.into()),
        Err(error) => {
            context.ui.warn(format!("the present {} is not used: {error}", args.lock));
            None
        }
    };
    if args.check {
        return check(&args, &spec, old, context);
    }
    if let (Some(old), None) = (&old, &args.upgrade)
        && lock::stale(old, &spec).is_empty()
    {
        // The lock answers this very spec: there is nothing to ask the network for.
        return finish(&args, &spec, Some(old), old, vec![], context);
    }
    let kept = kept(old.as_ref(), args.upgrade.as_deref());
    let (lock, held_back) = resolve(&args, &spec, old.as_ref(), kept, context).await?;
    for sentence in &held_back {
        context.ui.note(format!("held back: {sentence}"));
    }
    finish(&args, &spec, old.as_ref(), &lock, held_back, context)
}

fn check(args: &Resolve, spec: &Spec, old: Option<Lock>, context: &Context) -> CommandResult {
    let Some(lock) = old else {
        return Err(lock::Error::Missing { path: context.path(&args.lock) }.into());
    };
    let reasons = lock::stale(&lock, spec);
    if context.ui.wants_json() {
        context.ui.json(
            &serde_json::json!({ "version": 1, "fresh": reasons.is_empty(), "reasons": reasons }),
        );
    } else {
        reasons.iter().for_each(|reason| context.ui.result(format!("stale: {reason}")));
    }
    if reasons.is_empty() {
        context.ui.note(format!(
            "{} answers the spec: {} packages",
            args.lock,
            lock.packages.len()
        ));
        return Ok(Exit::Ok);
    }
    Ok(Exit::LockStale)
}

type Kept = BTreeMap<PackageName, Version>;

/// The versions that stay where they fit: the old lock's, less what is to be upgraded.
fn kept(old: Option<&Lock>, upgrade: Option<&[PackageName]>) -> Kept {
    let stays = |name: &PackageName| match upgrade {
        None => true,
        Some(names) => !names.is_empty() && !names.contains(name),
    };
    let packages = old.into_iter().flat_map(|o| &o.packages).filter(|p| stays(&p.name));
    packages.map(|p| (p.name.clone(), p.version.clone())).collect()
}

/// What the old lock has: likely to be wanted again, at its version unless that is to move.
fn hints(old: Option<&Lock>, kept: &Kept) -> BTreeMap<PackageName, Option<Version>> {
    let packages = old.into_iter().flat_map(|o| &o.packages);
    packages.map(|p| (p.name.clone(), kept.get(&p.name).cloned())).collect()
}

fn trust(args: &Resolve) -> Trust {
    match args.offline {
        true => Trust::Offline,
        // Who asks for the newest does not mean the newest of ten minutes ago.
        _ if args.refresh || args.upgrade.is_some() => Trust::Refresh,
        _ => Trust::Fresh,
    }
}

async fn resolve(
    args: &Resolve,
    spec: &Spec,
    old: Option<&Lock>,
    kept: Kept,
    context: &Context,
) -> Result<(Lock, Vec<String>), Failure> {
    let client = context.client()?;
    let client = if args.offline { client.offline() } else { client };
    let store = store::Store::open()?;
    let cache = Cache::at(store.root().join(CACHE), trust(args));
    let bar = context.ui.bar("resolving", None, Unit::Items);
    let sources = Sources::find(spec, &Surroundings::of_process(&context.folder)).await?;
    let fetcher = Fetcher::new(client.clone()).with_cache(cache.clone());
    let start = |target: Target| {
        let (sources, fetcher) = (sources.clone(), fetcher.clone());
        let catalog = LiveCatalog::start(spec, target, sources, fetcher, bar.clone());
        catalog.expect(hints(old, &kept));
        catalog
    };
    // The indexes need not wait for the registries where the answer of those can be foreseen.
    let ahead = target::likely(spec, old).map(|target| (target.clone(), start(target)));
    let pins = target::pins(spec, old, &client, &store, &cache, &context.ui).await?;
    let environment = marker_environment(&pins.python.version);
    let target = Target::new(pins.python.version.clone(), pins.glibc, spec.target.cuda);
    let catalog = Arc::new(match ahead {
        Some((foreseen, catalog)) if foreseen == target => catalog,
        _ => start(target),
    });
    let solution = {
        let (spec, catalog, environment) = (spec.clone(), catalog.clone(), environment.clone());
        let solving =
            tokio::task::spawn_blocking(move || solve(&spec, &environment, &*catalog, &kept));
        solving
            .await
            .map_err(|e| Failure::message(Exit::Failed, format!("the solver stopped: {e}")))?
    };
    let Solution { chosen, held_back } = match solution {
        Ok(solution) => solution,
        Err(error) => return Err(catalog.take_error().map_or_else(|| error.into(), Failure::from)),
    };
    let candidates: Vec<_> = chosen.iter().map(|c| c.candidate.clone()).collect();
    let facts = catalog.wheel_facts(&candidates).await?;
    catalog.remember().await;
    bar.finish();
    let lock = lock::assemble(spec, pins, chosen.into_iter().zip(facts).collect());
    Ok((lock, held_back))
}

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    written: bool,
    lock: &'a Lock,
    diff: &'a Diff,
    held_back: Vec<String>,
    unpinned: Vec<String>,
}

fn finish(
    args: &Resolve,
    spec: &Spec,
    old: Option<&Lock>,
    lock: &Lock,
    held_back: Vec<String>,
    context: &Context,
) -> CommandResult {
    let text = lock::render(lock);
    let path = context.path(&args.lock);
    let diff = Diff::between(old, lock);
    let unchanged = fs_err::read_to_string(&path).is_ok_and(|before| before == text);
    let written = !args.dry_run && !unchanged;
    if written {
        write(&path, &text)?;
    }
    let unpinned = lock.unpinned();
    for missing in &unpinned {
        context.ui.warn(format!("not pinned yet: {missing}"));
    }
    let size: u64 = lock.packages.iter().map(|p| p.size).sum();
    let unpacked: u64 = lock.packages.iter().map(|p| p.unpacked_size).sum();
    context.ui.note(format!(
        "{} packages, {} to download, {} installed; torch family on {}; {}",
        lock.packages.len(),
        indicatif::HumanBytes(size),
        indicatif::HumanBytes(unpacked),
        spec.target.cuda,
        match (args.dry_run, written) {
            (true, _) => format!("{} not written (--dry-run)", args.lock),
            (false, true) => format!("wrote {}", args.lock),
            (false, false) => format!("{} is unchanged", args.lock),
        }
    ));
    if context.ui.wants_json() {
        context.ui.json(&Report { version: 1, written, lock, diff: &diff, held_back, unpinned });
    } else {
        context.ui.result(diff.to_string());
    }
    Ok(Exit::Ok)
}

/// All of the text or none of it, under any crash.
fn write(path: &Utf8Path, text: &str) -> Result<(), Failure> {
    let attempt = || -> std::io::Result<()> {
        let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    };
    attempt().map_err(|e| {
        Failure::message(
            Exit::Failed,
            format!("{path} cannot be written: {e}; the old one is untouched"),
        )
    })
}
