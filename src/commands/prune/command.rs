//! `envlock prune`: removes what is older than the kept releases and in no role: here, and with `--registry` in registries.

use super::gather::Gathered;
use super::report;
use super::sweep::Sweeping;
use crate::cli::Prune;
use crate::commands::Context;
use crate::exit::{CommandResult, Exit};
use crate::retention;

pub async fn run(args: Prune, context: &Context) -> CommandResult {
    let Some(gathered) = Gathered::read(&args, context)? else {
        return Ok(report::without_release(args.dry_run, context));
    };
    let old = gathered.decide(args.registry, context);
    let swept = Sweeping { args: &args, context, gathered: &gathered }.all(&old).await?;
    report::report(&args, &gathered, &swept, context);
    match swept.gone.refused.into_iter().next() {
        Some((host, said)) => Err(retention::Error::Undeletable { host, said }.into()),
        None => Ok(Exit::Ok),
    }
}
