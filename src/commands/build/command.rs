//! `envlock build`: lock → images; with `--push` to the registry by digest, then config.yaml and the release record,
//! both or neither.

use jiff::Timestamp;

use super::built::Built;
use super::engine::{Delivery, choose};
use super::means::Means;
use super::planned::Planned;
use super::prepared::Prepared;
use crate::cli::Build;
use crate::commands::{Context, embedded};
use crate::engine::gather;
use crate::exit::{CommandResult, Exit};
use crate::net;
use crate::reports::{self, Version};

pub async fn run(args: Build, context: &Context) -> CommandResult {
    let prepared = Prepared::read(&args, context).await?;
    tracing::info!("{prepared}");
    let planned = Planned::of(&prepared)?;
    if args.dry_run {
        return Ok(planned.previewed()?.report());
    }
    let client = context.client(&prepared.spec.network)?;
    let _building = context.hold_build()?;
    if args.prepare {
        return prepare(&planned, &client).await;
    }
    build(planned, client).await
}

/// From the plan to images, and with `--push` to the release.
async fn build(planned: Planned<'_>, client: net::Client) -> CommandResult {
    let prepared = planned.prepared;
    let context = prepared.context;
    prepared.has_destination()?;
    let means = Means::find(prepared, client).await?;
    let mut serving = prepared.serving().await?;
    let (engine, why) = choose(prepared, planned.order(), &means).await?;
    context.ui.note(why);
    if let Some(warning) = engine.without_effect(&prepared.spec) {
        context.ui.warn(warning);
    }
    let planned = planned.for_engine(&*engine)?;
    tracing::info!("{planned}");
    if planned.goes_to_own_registry() {
        serving.push(embedded::hold(context).await?);
    }
    let begun = Timestamp::now();
    let made = planned.make(&*engine, &means).await?;
    if engine.delivers() == Delivery::Docker {
        return Ok(planned.report_loaded(&made.digests));
    }
    let built = Built::of(planned, begun, made, &*engine, &means).await?;
    tracing::info!("{built}");
    let attested = built.attest(&means).await?;
    tracing::info!("{attested}");
    let verified = attested.verify(&means).await?;
    tracing::info!("{verified}");
    let published = verified.publish(&means).await?;
    published.report();
    published.run_after().await?;
    Ok(Exit::Ok)
}

/// Lays out a build by hand.
async fn prepare(planned: &Planned<'_>, client: &net::Client) -> CommandResult {
    let Prepared { lock, spec, context, recipe, .. } = planned.prepared;
    let (plan, project) = (&planned.plan, &context.folder);
    let files = gather(plan, lock, spec, client, project, &context.ui).await?;
    let lines = recipe.prepare(project, plan, &files)?;
    let report = reports::Build::Prepared { version: Version, commands: &lines };
    context.result(&report, || lines.join("\n"));
    Ok(Exit::Ok)
}
