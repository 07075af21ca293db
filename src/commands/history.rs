//! `envlock history`: the releases, oldest first.

use jiff::tz::TimeZone;

use super::{Context, kept};
use crate::cli::History;
use crate::exit::{CommandResult, Exit, Failure};
use crate::release::{self, Kind, Record};
use crate::reports;

pub async fn run(args: History, context: &Context) -> CommandResult {
    let history = match args.from_registry {
        true => recalled(&args, context).await?,
        false => release::read_history(&context.folder)?.1,
    };
    if let Some(torn) = &history.torn {
        context.ui.warn(format!(
            "line {} of {} is cut off and not shown: {}",
            torn.line,
            release::FILE_NAME,
            torn.text
        ));
    }
    let current = history.current()?;
    if context.ui.wants_json() {
        let (current, releases) = (current.release, history.records.as_slice());
        context.ui.json(&reports::History { version: reports::Version, current, releases });
        return Ok(Exit::Ok);
    }
    if history.records.is_empty() {
        context.ui.note("nothing was released yet: run `envlock build --push`");
        return Ok(Exit::Ok);
    }
    let mut text =
        format!("{:>3}  {:<16}  {:<14}  {:<12}  BY\n", "NO", "TIME (UTC)", "WHAT", "LOCK");
    for record in &history.records {
        text += &line(record, record.number == current.release);
    }
    context.ui.result(text);
    Ok(Exit::Ok)
}

/// The registry's history; it is written to the project where there is none.
async fn recalled(args: &History, context: &Context) -> Result<release::History, Failure> {
    let spec = context.spec()?;
    let client = context.registry(&spec, args.insecure)?;
    let recalled = kept::recall(context, &spec, &client, args.registry.as_deref()).await?;
    let project = context.lock_project()?;
    match release::read_history(&context.folder)? {
        (None, _) => kept::restore(context, &project, &recalled)?,
        (Some(bytes), _) if bytes == recalled.history.bytes() => {}
        (Some(_), _) => {
            let file = release::FILE_NAME;
            context
                .ui
                .warn(format!("{file} differs from the registry's history; it is not changed"));
        }
    }
    Ok(recalled.history)
}

fn line(record: &Record, runs: bool) -> String {
    let what = match record.kind {
        Kind::Build => format!("build{}", if runs { " (runs)" } else { "" }),
        Kind::Rollback { to } => format!("rollback to {to}"),
    };
    let time = record.time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string();
    let lock = record.lock.map_or_else(|| "-".to_owned(), |sha| sha.to_string()[..12].to_owned());
    let by = record.by.as_deref().unwrap_or("-");
    let mut text = format!("{:>3}  {time:<16}  {what:<14}  {lock:<12}  {by}\n", record.number);
    for (name, image) in &record.images {
        text += &format!("     {name:<14}  {image}\n");
    }
    if record.kind == Kind::Build && record.edits.is_empty() {
        text += "     (no file was changed)\n";
    }
    text
}
