//! The verb itself: gather pins and candidates, solve, write the lock, say what changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use camino::Utf8Path;
use pep440_rs::Version;
use pep508_rs::PackageName;

use super::assemble::assemble;
use super::elsewhere::try_elsewhere;
use super::{gpus, imports, target};
use crate::blocking::blocking;
use crate::catalog::Target;
use crate::cli::Resolve;
use crate::commands::{Context, driver, embedded, live, summary};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::exit::{CommandResult, Exit, Failure};
use crate::image;
use crate::index::{Cache, Fetcher, Hint, LiveCatalog, Locked, Sources, Surroundings, Trust};
use crate::lock::{self, Diff, Lock, Package};
use crate::python::marker_environment;
use crate::release;
use crate::reports::{self, LockFile};
use crate::solve::{self, Solution, solve};
use crate::spec::{Overrides, Spec};
use crate::store;
use crate::torch::is_torch_family;
use crate::ui::Unit;

pub async fn run(args: Resolve, context: &Context) -> CommandResult {
    let overrides = Overrides {
        index: args.index.clone(),
        without: args.without.clone(),
        exclude_newer: args.exclude_newer,
    };
    let spec = overrides.apply(context.spec()?)?;
    let name = context.lock_name(args.lock.as_deref());
    if let Some(before) = &args.diff {
        return compare(before, &name, context);
    }
    let old = match context.read_lock(&name) {
        Ok((lock, _)) => Some(lock),
        Err(lock::Error::Missing { .. }) => None,
        Err(error) if args.check => return Err(error.into()),
        Err(error) => {
            context.ui.warn(format!("the present {name} is not used: {error}"));
            None
        }
    };
    if args.driver.is_some() {
        driver::ensure(args.driver.as_ref(), spec.target.cuda).await?;
    }
    if args.check {
        return check(&name, &spec, old, context);
    }
    if let (Some(old), None) = (&old, &args.upgrade)
        && lock::stale(old, &spec).is_empty()
    {
        // The lock is for this spec: no server has to be asked.
        return finish(&args, &name, &spec, Some(old), old, Remarks::default(), context);
    }
    // The images may run elsewhere: what is too old here is an error only when it was stated.
    let driver =
        args.driver.is_none().then(|| tokio::spawn(driver::too_old(None, spec.target.cuda)));
    let mut kept = kept(old.as_ref(), args.upgrade.as_deref());
    kept.extend(spec.preferred().into_iter().map(|(name, p)| (name, p.version.version.clone())));
    let resolved = resolve(&args, &spec, old.as_ref(), kept, context).await;
    if let Some(driver) = driver
        && let Ok(Some(why)) = driver.await
    {
        context.ui.warn(why);
    }
    let (lock, remarks) = resolved?;
    let may_change = |name: &PackageName| {
        args.upgrade.as_ref().is_some_and(|u| u.is_empty() || u.contains(name))
    };
    if let Some(replaced) = old.as_ref().and_then(|o| lock::replaced(o, &lock, may_change)) {
        return Err(replaced.into());
    }
    for sentence in &remarks.held_back {
        context.ui.note(format!("held back: {sentence}"));
    }
    remarks.surprises.iter().for_each(|surprise| context.ui.warn(surprise));
    finish(&args, &name, &spec, old.as_ref(), &lock, remarks, context)
}

fn check(name: &Utf8Path, spec: &Spec, old: Option<Lock>, context: &Context) -> CommandResult {
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
fn hints(old: &Lock, kept: &Kept) -> BTreeMap<PackageName, Hint> {
    let hint = |name| kept.get(name).map_or(Hint::Newest, |version| Hint::Version(version.clone()));
    old.packages.iter().map(|p| (p.name.clone(), hint(&p.name))).collect()
}

/// What the old lock knows of bytes, by their hash.
fn locked(old: Option<&Lock>) -> HashMap<Sha256, Locked> {
    let known = |lock: &Lock, package: &Package| {
        let declares_cuda = is_torch_family(&package.name);
        let is_cuda = matches!(lock.target.cuda_tag, CudaTag::Cuda(_));
        Locked {
            size: package.size,
            unpacked_size: package.unpacked_size,
            // No torch of another build gets into a lock.
            build: (declares_cuda && is_cuda).then_some(lock.target.cuda_tag),
        }
    };
    let packages = old.into_iter().flat_map(|lock| lock.packages.iter().map(move |p| (lock, p)));
    packages.map(|(lock, package)| (package.sha256, known(lock, package))).collect()
}

/// An upgrade of everything, or one that names it, takes a newer interpreter.
fn moves_python(args: &Resolve) -> bool {
    let names = args.upgrade.as_ref();
    names.is_some_and(|n| n.is_empty() || n.iter().any(|name| name.as_ref() == "python"))
}

fn trust(args: &Resolve) -> Trust {
    // `--upgrade` asks for the newest: what was the newest ten minutes ago may not be.
    match (args.offline, args.refresh || args.upgrade.is_some()) {
        (true, _) => Trust::Offline,
        (_, true) => Trust::Refresh,
        _ => Trust::Fresh,
    }
}

async fn resolve(
    args: &Resolve,
    spec: &Spec,
    old: Option<&Lock>,
    kept: Kept,
    context: &Context,
) -> Result<(Lock, Remarks), Failure> {
    let bar = context.ui.bar("resolving", None, Unit::Items);
    let client = live::watched(context.client(&spec.network)?, &bar);
    let client = if args.offline { client.offline() } else { client };
    let store = store::Store::open()?;
    let cache = Cache::at(store.index(), trust(args));
    let surroundings = Surroundings::of_process(&context.folder);
    let sources = Sources::find(spec, &surroundings).await?;
    sources.notes.iter().for_each(|note| context.ui.warn(note));
    imports::are_sources(spec, &sources)?;
    spec.imports.told.iter().for_each(|told| context.ui.warn(told));
    let client = client.with_logins(sources.logins(spec, &surroundings)?);
    let fetcher = Fetcher::new(client.clone()).with_cache(cache.clone()).remembering(store.clone());
    let start = |target: Target| {
        let (sources, fetcher) = (sources.clone(), fetcher.clone());
        let catalog = LiveCatalog::start(spec, target, sources, fetcher, bar.clone(), locked(old));
        match old {
            Some(old) => catalog.expect(hints(old, &kept)),
            None => catalog.expect_likely(),
        }
        catalog
    };
    // The indexes need not wait for the registries where the answer of those can be foreseen.
    let ahead = target::likely(spec, old)
        .map(|target| target.before(spec).keeping(old))
        .map(|target| (target.clone(), start(target)));
    let hosts = [&spec.base.runtime, &spec.base.devel].into_iter();
    let hosts = hosts.filter_map(|text| Some(text.split_once('/')?.0));
    let _serving = embedded::hold_for(context, hosts).await?;
    let servers =
        target::Servers { client: &client, store: &store, cache: &cache, ui: &context.ui };
    let pins = target::pins(&servers, spec, old, moves_python(args)).await?;
    let environment = marker_environment(&pins.python.version);
    let target = Target::new(pins.python.version.clone(), pins.glibc, spec.target.cuda)
        .before(spec)
        .keeping(old)
        .allowing(&spec.cuda_allow);
    let catalog = Arc::new(match ahead {
        Some((foreseen, catalog)) if foreseen == target => catalog,
        _ => start(target),
    });
    let solution = {
        let (spec, catalog, environment) = (spec.clone(), catalog.clone(), environment.clone());
        blocking(move || solve(&spec, &environment, &*catalog, &kept)).await
    };
    let Solution { chosen, held_back, surprises } = match solution {
        Ok(solution) => solution,
        Err(solve::Error::Unsatisfiable(mut conflict)) => {
            if !args.offline {
                bar.finish();
                let python = &pins.python.version;
                let trust = trust(args);
                try_elsewhere(&mut conflict, spec, python, pins.glibc, trust, context).await;
            }
            return Err(solve::Error::Unsatisfiable(conflict).into());
        }
        Err(error) => return Err(catalog.take_error().map_or_else(|| error.into(), Failure::from)),
    };
    let candidates: Vec<_> = chosen.iter().map(|c| c.candidate.clone()).collect();
    let facts = catalog.wheel_facts(&candidates).await?;
    let hashes = candidates.iter().zip(&facts).map(|(candidate, facts)| (candidate, facts.sha256));
    let arch_list = gpus::arch_list(spec, old, hashes, &catalog, &context.ui).await?;
    catalog.learn(&chosen);
    catalog.remember().await;
    bar.finish();
    catalog.warnings().iter().for_each(|warning| context.ui.warn(warning));
    // Thousands of versions are freed while the lock is written, not before.
    std::thread::spawn(move || drop(catalog));
    let mut lock = assemble(spec, pins, chosen.into_iter().zip(facts).collect());
    lock.target.arch_list = arch_list;
    imports::have_hashes(spec, &lock, &environment)?;
    imports::not_taken(spec, &lock).iter().for_each(|sentence| context.ui.note(sentence));
    // Layers of wheels that are still chosen are still what they were.
    let keys = image::layer_keys(&lock, spec);
    let layers = old.into_iter().flat_map(|old| &old.layers);
    lock.layers = layers.filter(|layer| keys.contains(&layer.key)).cloned().collect();
    Ok((lock, Remarks { held_back, surprises }))
}

/// What is to be said of the chosen set, a sentence each.
#[derive(Default)]
struct Remarks {
    held_back: Vec<String>,
    surprises: Vec<String>,
}

fn finish(
    args: &Resolve,
    name: &Utf8Path,
    spec: &Spec,
    old: Option<&Lock>,
    lock: &Lock,
    remarks: Remarks,
    context: &Context,
) -> CommandResult {
    let text = lock::render(lock);
    let path = context.path(name);
    let diff = Diff::between(old, lock);
    let unchanged = fs_err::read_to_string(&path).is_ok_and(|before| before == text);
    let written = !args.dry_run && !unchanged;
    if written {
        // Not in the middle of a release or rollback, which may write to the same file.
        // A project without envlock's folder has had neither.
        let has_folder = context.path(release::FOLDER).exists();
        let _project = has_folder.then(|| context.lock_project()).transpose()?;
        context.write(&path, &text)?;
    }
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
        ("lock_sha256".to_owned(), Sha256::of(&text).to_string()),
        ("packages".to_owned(), lock.packages.len().to_string()),
    ]);
    context.ui.summary(|| {
        let plan = if args.dry_run { ", not written" } else { "" };
        format!("## {name}{plan}\n\n{}", summary::packages(&diff))
    });
    let size: u64 = lock.packages.iter().map(|p| p.size).sum();
    let unpacked: u64 = lock.packages.iter().map(|p| p.unpacked_size).sum();
    context.ui.note(format!(
        "{} packages, {} to download, {} installed; torch family on {}; {}",
        lock.packages.len(),
        indicatif::DecimalBytes(size),
        indicatif::DecimalBytes(unpacked),
        spec.target.cuda,
        match (args.dry_run, written) {
            (true, _) => format!("{name} not written (--dry-run)"),
            (false, true) => format!("wrote {name}"),
            (false, false) => format!("{name} is unchanged"),
        }
    ));
    let report = reports::Resolve::Resolved {
        version: reports::Version,
        written,
        lock: LockFile(lock),
        diff: &diff,
        held_back: &remarks.held_back,
        surprises: &remarks.surprises,
        unpinned: &unpinned,
    };
    context.result(&report, || diff.to_string());
    Ok(Exit::Ok)
}

/// `--diff`: what the lock on disk changes against an earlier one, from files alone.
fn compare(before: &str, name: &Utf8Path, context: &Context) -> CommandResult {
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
