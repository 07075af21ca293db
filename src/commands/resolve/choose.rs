//! Gathers pins and candidates, chooses a set, and makes a lock of it.

use std::sync::Arc;

use super::assemble::assemble;
use super::earlier::{Kept, hints, locked};
use super::elsewhere::try_elsewhere;
use super::system::{Upgrade, system};
use super::{gpus, imports, target};
use crate::blocking::blocking;
use crate::catalog::Target;
use crate::cli::Resolve;
use crate::commands::{Context, embedded, query_index};
use crate::exit::Failure;
use crate::image;
use crate::index::{Cache, CachePolicy, Fetcher, LiveCatalog, Sources, Surroundings};
use crate::lock::{LayerPin, Lock};
use crate::python::marker_environment;
use crate::solve::{self, Solution, solve};
use crate::spec::Spec;
use crate::store;
use crate::ui::Unit;

/// Remarks on the chosen set, a sentence each.
#[derive(Default)]
pub(super) struct Remarks {
    pub held_back: Vec<String>,
    pub surprises: Vec<String>,
}

/// An upgrade of everything, or one that names it, takes a newer interpreter.
fn moves_python(args: &Resolve) -> bool {
    args.upgrade.as_ref().is_some_and(|n| n.is_empty() || n.iter().any(|name| name == "python"))
}

fn cache_policy(args: &Resolve) -> CachePolicy {
    // `--upgrade` asks for the newest: what was the newest ten minutes ago may not be.
    match (args.offline, args.refresh || !args.moves_nothing()) {
        (true, _) => CachePolicy::Offline,
        (_, true) => CachePolicy::Refresh,
        _ => CachePolicy::Fresh,
    }
}

/// Asks the indexes and registries, and chooses. `kept`: versions that stay where they fit.
///
/// # Errors
/// No set satisfies the spec, or a source or registry does not answer.
pub(super) async fn choose(
    args: &Resolve,
    spec: &Spec,
    old: Option<&Lock>,
    kept: Kept,
    context: &Context,
) -> Result<(Lock, Remarks), Failure> {
    let bar = context.ui.bar("resolving", None, Unit::Items);
    let client = query_index::watched(context.client(&spec.network)?, &bar);
    let client = if args.offline { client.offline() } else { client };
    let store = store::Store::open()?;
    let cache = Cache::at(store.index(), cache_policy(args));
    let surroundings = Surroundings::of_process(&context.folder);
    let sources = Sources::find(spec, &surroundings).await?;
    sources.notes.iter().for_each(|note| context.ui.warn(note));
    imports::are_sources(spec, &sources)?;
    spec.imports.not_followed.iter().for_each(|sentence| context.ui.warn(sentence));
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
    // The indexes need not wait for the registries where the pins can be predicted.
    let ahead = target::likely(spec, old)
        .map(|target| target.before(spec).keeping(old))
        .map(|target| (target.clone(), start(target)));
    let hosts = [&spec.base.runtime, &spec.base.devel].into_iter();
    let hosts = hosts.filter_map(|text| Some(text.split_once('/')?.0));
    let _serving = embedded::hold_for(context, hosts).await?;
    let servers =
        target::Servers { client: &client, store: &store, cache: &cache, ui: &context.ui };
    let pins = target::pins(&servers, spec, old, moves_python(args)).await?;
    let system = system(&servers, spec, &pins.base.runtime, old, Upgrade::of(args)).await?;
    let environment = marker_environment(spec.target.platform, &pins.python.version);
    let target = Target::new(
        spec.target.platform,
        pins.python.version.clone(),
        pins.glibc,
        spec.target.cuda,
    )
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
                let policy = cache_policy(args);
                try_elsewhere(&mut conflict, spec, python, pins.glibc, policy, context).await;
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
    // Freeing thousands of versions takes time: it happens while the lock is written.
    std::thread::spawn(move || drop(catalog));
    let mut lock = assemble(spec, pins, chosen.into_iter().zip(facts).collect());
    lock.target.arch_list = arch_list;
    (lock.system, lock.system_packages) = system;
    imports::have_hashes(spec, &lock, &environment)?;
    imports::not_taken(spec, &lock).iter().for_each(|sentence| context.ui.note(sentence));
    lock.layers = kept_layers(&lock, spec, old);
    Ok((lock, Remarks { held_back, surprises }))
}

/// Layers whose packages are all still chosen have not changed.
fn kept_layers(lock: &Lock, spec: &Spec, old: Option<&Lock>) -> Vec<LayerPin> {
    let keys = image::layer_keys(lock, spec);
    let layers = old.into_iter().flat_map(|old| &old.layers);
    layers.filter(|layer| keys.contains(&layer.key)).cloned().collect()
}
