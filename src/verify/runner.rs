//! The run of all checks on some images, in their order.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::checks::{Check, CheckName, ImageReport};
use super::known::Known;
use super::pull::Progress;
use super::sandbox::Sandbox;
use super::{Error, Runtime, Selection, Target, clusters};
use crate::interrupt;
use crate::ui::{Bar, Stage, Ui, Unit};

/// How long a pull may take: it may be gigabytes over a slow line.
const PULL: Duration = Duration::from_secs(3600);
/// Heavy containers at once.
const TOGETHER: usize = 2;

/// Runs the images in containers, which are removed afterwards, also on Ctrl-C; the images stay with the engine.
///
/// # Errors
/// Containers cannot be run here at all. A problem of an image is in its report.
pub async fn run(
    runtime: &Runtime,
    targets: &[Target],
    selection: &Selection,
    ui: &Ui,
) -> Result<Vec<ImageReport>, Error> {
    let sandbox = Sandbox::new(runtime.clone(), TOGETHER, selection.limit);
    let outcome = interrupt::until(all(&sandbox, targets, selection, ui)).await;
    let cleared = sandbox.clear().await;
    let reports = outcome.ok_or(Error::Interrupted)??;
    cleared.map(|()| reports)
}

async fn all(
    sandbox: &Sandbox,
    targets: &[Target],
    selection: &Selection,
    ui: &Ui,
) -> Result<Vec<ImageReport>, Error> {
    let (mut here, mut checks) = (Vec::new(), Vec::new());
    let pulls = ui.bar("pulls", None, Unit::Bytes);
    let bars: Vec<_> = targets.iter().map(|target| bar_of(&pulls, target)).collect();
    for (index, (target, bar)) in targets.iter().zip(&bars).enumerate() {
        let mut own = vec![target.lock_check.clone()];
        if let Some(expected) = &target.expected {
            ui.note(format!("{}: pulled by {}", target.name, sandbox.runtime().program()));
            let (check, is_here) = pull(sandbox, target, bar).await?;
            own.push(check);
            if is_here {
                here.push(Known { index, target, expected, facts: None, checks: vec![] });
            }
        }
        checks.push(own);
    }
    pulls.finish();
    if !here.is_empty() {
        ui.note("inspecting the images");
    }
    try_join_all(here.iter_mut().map(|known| known.look(sandbox, selection))).await?;
    if !here.is_empty() {
        ui.note("starting their programs");
    }
    let started = tokio::try_join!(
        clusters::run(sandbox, &here, selection),
        try_join_all(here.iter().map(|known| known.start(sandbox, selection))),
    )?;
    for (index, check) in started.0.into_iter().chain(started.1.into_iter().flatten()) {
        checks[index].push(check);
    }
    for known in here {
        checks[known.index].extend(known.checks);
    }
    let reports = targets.iter().zip(checks).map(|(target, mut checks)| {
        checks.retain(|check| selection.wants(check.check));
        checks.sort_by_key(|check| check.check);
        let Target { image, name, lock, .. } = target;
        ImageReport { image: image.clone(), name: name.clone(), lock: *lock, checks }
    });
    Ok(reports.collect())
}

/// The bar of an image's pull; hidden where it is not pulled.
fn bar_of(pulls: &Bar, target: &Target) -> Bar {
    match target.expected {
        Some(_) => pulls.part(&target.name, target.compressed(), &[Stage::Download]),
        None => Bar::hidden(),
    }
}

async fn pull(sandbox: &Sandbox, target: &Target, bar: &Bar) -> Result<(Check, bool), Error> {
    let (started, runtime) = (Instant::now(), sandbox.runtime());
    bar.begin(Stage::Download, Some(target.compressed()));
    let mut shown = 0;
    let show = |progress: &Progress<'_>| {
        bar.inc(progress.bytes() - shown);
        shown = progress.bytes();
        bar.message(progress.to_string());
    };
    let progress = Progress::of(&target.layers);
    let pulled = runtime.pull(&target.image, target.plain, PULL, progress, show).await?;
    let is_here = pulled.is_ok();
    if is_here {
        bar.done("pulled");
    } else {
        bar.finish();
    }
    let said = format!("by {} {}", runtime.program(), runtime.version());
    let check = Check::of(CheckName::Pull, pulled.map(|()| said));
    Ok((check.after(started.elapsed().as_secs_f64()), is_here))
}
