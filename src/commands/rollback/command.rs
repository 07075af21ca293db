//! `envlock rollback`: restores what an earlier release wrote to config.yaml, after checking that its images exist.

use super::decide::Decided;
use super::gather::Gathered;
use super::{execute, report};
use crate::cli::Rollback;
use crate::commands::{Context, after, embedded};
use crate::exit::{CommandResult, Exit};
use crate::reference::PinnedReference;
use crate::spec::Records;

pub async fn run(args: Rollback, context: &Context) -> CommandResult {
    let gathered = Gathered::read(&args, context).await?;
    let decided = Decided::of(&gathered.history, &args, context)?;
    tracing::info!("{decided}");
    decided.refuse_changed_by_hand(&args, context)?;
    let Gathered { spec, registry, project, .. } = gathered;
    let places = decided.plan.target.images.values().map(PinnedReference::registry);
    let _serving = embedded::hold_for(context, places).await?;
    let Some(project) = project else {
        let published = execute::preview(&decided, &registry, context).await?;
        report::report(context, &decided.plan, &published, true);
        if let Some(command) = &spec.release.after {
            context.ui.note(format!("would then run: {command}"));
        }
        return Ok(Exit::Ok);
    };
    let records = spec.release.records != Records::None;
    let target = decided.plan.target.release;
    let plan = decided.plan.clone();
    let published = execute::go_back(decided, &project, &registry, records, context).await?;
    report::report(context, &plan, &published, false);
    // The next command may be another envlock.
    drop(project);
    let written = published.record.is_some();
    let (then, after) = (args.then.as_deref(), spec.release.after.as_deref());
    if let Some(command) = after::command(then, after, written) {
        after::run(context, command, target).await?;
    }
    Ok(Exit::Ok)
}
