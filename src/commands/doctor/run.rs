//! Gathers the checks and reports them.

use std::time::Duration;

use super::check::{Check, Level};
use super::{engine, files, registry, releases};
use crate::cli::Doctor;
use crate::commands::Context;
use crate::engine::dockerfile::Recipe;
use crate::exit::{CommandResult, Exit};
use crate::image;
use crate::net::Retry;
use crate::reports::{self, Version};

/// Runs `envlock doctor`: exit 0 when nothing failed, warnings or not, else 1.
pub async fn run(args: Doctor, context: &Context) -> CommandResult {
    // Few retries, to answer soon: what fails twice is a finding.
    let patience = Duration::from_secs(10);
    let net = context.client_with(Retry { attempts: 2, patience, ..Retry::default() })?;
    let (first, spec) = files::spec(context);
    let mut checks = vec![first];
    if let Some(spec) = &spec {
        checks.extend([files::lock(context, spec), files::config(context, spec)]);
        checks.push(files::pypi(context, spec).await);
    }
    checks.extend(files::store());
    let registries = async {
        match &spec {
            Some(spec) => {
                let mut checks =
                    registry::checks(context, net.clone(), spec, args.registry.as_deref()).await;
                checks.push(releases::check(net, context, spec).await);
                checks
            }
            None => Vec::new(),
        }
    };
    let choice = spec.as_ref().map(|spec| spec.build.engine).unwrap_or_default();
    let recipe = Recipe::of(&context.folder)?;
    let own = recipe.changed_files(&context.folder)?;
    let spec = spec.as_ref();
    let unfit = spec.and_then(|spec| {
        image::stages_fit(spec.images.iter().map(|i| &i.name), spec, recipe.stages()).err()
    });
    let recipe = engine::Dockerfile { changed: own, unfit: unfit.map(|e| e.to_string()) };
    let (engines, registries) = tokio::join!(engine::checks(choice, &recipe), registries);
    checks.extend(engines);
    checks.extend(registries);

    let healthy = checks.iter().all(|check| check.level != Level::Fail);
    let report = reports::Doctor { version: Version, healthy, checks: &checks };
    context.result(&report, || {
        let lines: Vec<_> = checks.iter().map(Check::to_string).collect();
        lines.join("\n")
    });
    Ok(if healthy { Exit::Ok } else { Exit::Failed })
}
