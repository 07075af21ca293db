//! Runs the user's command after config.yaml has changed: `--then`, or `after` under `[release]` in envlock.toml.

use std::time::Instant;

use tokio::process::Command;

use super::Context;
use crate::exit::{Exit, Failure};

/// The command to run: `--then` always, empty for none; `after` of the spec only when something was written.
pub fn command<'a>(
    then: Option<&'a str>,
    after: Option<&'a str>,
    written: bool,
) -> Option<&'a str> {
    then.or(after.filter(|_| written)).filter(|command| !command.trim().is_empty())
}

/// Runs `command` in the project folder by `sh -c`, with its output on stderr and the number of the current
/// release in `ENVLOCK_RELEASE`. The caller holds no lock: the command may be envlock.
///
/// # Errors
/// [`Exit::AfterFailed`]; the release stays.
pub async fn run(context: &Context, command: &str, release: u64) -> Result<(), Failure> {
    let failed = |what: String| {
        let stands = match release {
            0 => "what was written stays".to_owned(),
            number => format!("release {number} is recorded all the same"),
        };
        let report = miette::miette!(
            help = "run the command again yourself; `envlock rollback` goes back",
            "{stands}, but the command after it {what}: {command}"
        );
        Failure { exit: Exit::AfterFailed, report }
    };
    context.ui.note(format!("runs: {command}"));
    let started = Instant::now();
    let output = context.ui.for_others();
    let output = output.map_err(|e| failed(format!("does not start ({e})")))?;
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir(&context.folder)
        .env("ENVLOCK_RELEASE", release.to_string())
        .stdout(output)
        .status()
        .await
        .map_err(|e| failed(format!("does not start ({e})")))?;
    if !status.success() {
        return Err(failed(format!("failed ({status})")));
    }
    context.ui.note(format!("it succeeded in {:.1} s", started.elapsed().as_secs_f64()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn what_is_asked_for_always_runs_and_what_is_written_down_runs_after_a_change() {
        assert_eq!(command(None, Some("up"), true), Some("up"));
        assert_eq!(command(None, Some("up"), false), None);
        assert_eq!(command(Some("mine"), Some("up"), false), Some("mine"));
        assert_eq!(command(Some(""), Some("up"), true), None);
        assert_eq!(command(None, None, true), None);
    }
}
