//! `envlock rollback`: what an earlier release wrote to config.yaml comes back, once its images are
//! proven to exist.

use camino::Utf8Path;

use super::{Context, after, embedded, kept, summary};
use crate::blocking::joined;
use crate::cli::Rollback;
use crate::config::unified;
use crate::exit::{CommandResult, Exit, Failure};
use crate::release::{self, Error, History, Plan, ProjectLock, Published};
use crate::spec::Records;
use crate::{keep, registry, reports};

/// Runs `envlock rollback`.
pub async fn run(args: Rollback, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let registry = context.registry(&spec, args.insecure)?;
    let project = if args.dry_run { None } else { Some(context.lock_project()?) };
    let history = match args.from_registry {
        true => restored(&args, project.as_ref(), &registry, context).await?,
        false => release::read_history(&context.folder)?.1,
    };
    let to = args.to.as_ref().map(|wanted| history.find(wanted)).transpose()?;
    let plan = release::decide(&history, to, |file: &Utf8Path| {
        release::read_config(&context.folder, file)
    })?;
    let lock_bytes = if args.lock { Some(old_lock(&plan, context)?) } else { None };
    for conflict in &plan.conflicts {
        context.ui.warn(format!("changed by hand: {conflict}"));
    }
    if !plan.conflicts.is_empty() && !args.force && !args.dry_run {
        let places: Vec<_> = plan.conflicts.iter().map(|c| c.path.to_string()).collect();
        return Err(Error::ChangedByHand(places.join(", ")).into());
    }
    let places = plan.target.images.values().map(crate::reference::PinnedReference::registry);
    let _serving = embedded::hold_for(context, places).await?;
    let Some(project) = project else {
        look(&plan, lock_bytes.as_deref(), &registry, context).await?;
        if let Some(command) = &spec.release.after {
            context.ui.note(format!("would then run: {command}"));
        }
        return Ok(Exit::Ok);
    };
    let records = spec.release.records != Records::None;
    let published = go_back(&plan, lock_bytes, &project, &registry, records, context).await?;
    report(context, &plan, &published, false);
    // What runs next may be another envlock.
    drop(project);
    let written = published.record.is_some();
    let (then, after) = (args.then.as_deref(), spec.release.after.as_deref());
    if let Some(command) = after::command(then, after, written) {
        after::run(context, command, plan.target.release).await?;
    }
    Ok(Exit::Ok)
}

/// What [`go_back`] would do, told.
async fn look(
    plan: &Plan,
    lock_bytes: Option<&[u8]>,
    registry: &registry::Client,
    context: &Context,
) -> Result<(), Failure> {
    tell(release::prove(registry, plan).await?, context);
    let mut diff = release::preview_rollback(plan)?;
    if let Some(after) = lock_bytes {
        let name = release::lock_file_of(after);
        let before = match release::read_config(&context.folder, &name) {
            Err(error) if error.is_absence() => vec![],
            before => before?,
        };
        diff += &unified(name.as_str(), &before, after);
    }
    report(context, plan, &Published { record: None, diff }, true);
    Ok(())
}

/// Proves the images, records the rollback in their registry unless that keeps no `records`, and writes the files.
async fn go_back(
    plan: &Plan,
    lock_bytes: Option<Vec<u8>>,
    project: &ProjectLock,
    registry: &registry::Client,
    records: bool,
    context: &Context,
) -> Result<Published, Failure> {
    // The registry is asked while git is.
    let proving = {
        let (registry, plan) = (registry.clone(), plan.clone());
        tokio::spawn(async move { release::prove(&registry, &plan).await })
    };
    // Before the images are proven nothing is written here, and what is sent has no name.
    let mut draft = release::draft_rollback(project, plan, lock_bytes)?;
    let lock = plan.target.lock.map(|sha| release::find_lock(&context.folder, sha)).transpose();
    let lock = lock.unwrap_or_else(|error| {
        context.ui.warn(format!("the registry's record of this rollback is without it: {error}"));
        None
    });
    let (lock, images) = (lock.as_deref(), plan.target.images.keys().cloned().collect());
    // Who may only read can still be told whether the images are there.
    let writing = registry.apart();
    let ahead = async {
        match records {
            true => keep::ahead(&writing, &draft, lock, &images).await,
            false => Ok(()),
        }
    };
    let (proven, ahead) = tokio::join!(joined(proving), ahead);
    tell(proven?, context);
    // The way back must not depend on what the registry takes.
    let announced = match ahead {
        _ if !records => Ok(vec![]),
        // What may not be sent in one way is sent in another.
        Err(error) if !matches!(&error, keep::Error::Registry(e) if e.is_refusal()) => Err(error),
        _ => keep::announce(&writing, &mut draft, lock, &images, false).await,
    };
    match announced {
        Ok(warnings) => tell(warnings, context),
        Err(error) => {
            context.ui.warn(format!("the registry has no record of this rollback: {error}"))
        }
    }
    tell(writing.warnings(), context);
    Ok(draft.write(project)?)
}

fn tell(warnings: Vec<String>, context: &Context) {
    warnings.iter().for_each(|warning| context.ui.warn(warning));
}

/// The history from the registry, on disk unless nothing is to be written.
async fn restored(
    args: &Rollback,
    project: Option<&ProjectLock>,
    registry: &registry::Client,
    context: &Context,
) -> Result<History, Failure> {
    kept::refuse_present(context)?;
    let spec = context.spec()?;
    let recalled = kept::recall(context, &spec, registry, args.registry.as_deref()).await?;
    if let Some(project) = project {
        kept::restore(context, project, &recalled)?;
    }
    Ok(recalled.history)
}

fn old_lock(plan: &Plan, context: &Context) -> Result<Vec<u8>, Failure> {
    match plan.target.lock {
        Some(sha256) => Ok(release::find_lock(&context.folder, sha256)?),
        None => {
            let message = "no env.lock belongs to the state before the first release";
            Err(Failure::message(Exit::Usage, format!("{message}: leave out --lock")))
        }
    }
}

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

fn report(context: &Context, plan: &Plan, published: &Published, dry_run: bool) {
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
        // Where no file names them, these lines are the only word on what runs.
        let images = plan.target.images.values().map(|image| format!("{image}\n"));
        let images: String = images.filter(|_| plan.edits.is_empty() && target != 0).collect();
        images + &published.diff
    });
}
