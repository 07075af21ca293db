//! The probe: one script, passed to containers on standard input, so that nothing is mounted.

use serde::de::DeserializeOwned;

use super::Error;
use super::runtime::Ended;
use super::sandbox::{Container, Manner, Sandbox, last_lines};
use crate::reference::PinnedReference;

const SCRIPT: &str = include_str!("probe.py");
/// The environment's own Python, regardless of PATH.
pub(super) const PYTHON: &str = "/opt/conda/envs/py/bin/python";

/// Why there is no answer, and the last printed lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silence {
    pub why: String,
    pub log: String,
}

fn command(words: &[&str]) -> Vec<String> {
    [PYTHON, "-"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

/// What the probe answers in a container of its own.
pub(super) async fn alone<T: DeserializeOwned>(
    sandbox: &Sandbox,
    what: &str,
    image: &PinnedReference,
    words: &[&str],
    manner: Manner,
) -> Result<Result<T, Silence>, Error> {
    let manner = Manner { command: Some(command(words)), ..manner };
    Ok(answer(sandbox.run(what, image, &manner, SCRIPT).await?))
}

/// What it answers in a container that runs.
pub(super) async fn within<T: DeserializeOwned>(
    container: &Container<'_>,
    words: &[&str],
) -> Result<Result<T, Silence>, Error> {
    let found = answer(container.exec(&command(words), SCRIPT).await?);
    Ok(match found {
        Ok(found) => Ok(found),
        // The container's own state comes first: it may have ended.
        Err(silence) => {
            let why = container.end().await?.unwrap_or(silence.why);
            let log = last_lines(&format!("{}\n{}", container.tail().await?, silence.log));
            Err(Silence { why, log })
        }
    })
}

fn answer<T: DeserializeOwned>(ended: Ended) -> Result<T, Silence> {
    let log = last_lines(&ended.stderr);
    match ended.failure {
        Some(why) => Err(Silence { why, log }),
        None => serde_json::from_str(&ended.stdout)
            .map_err(|error| Silence { why: format!("its answer is not a report: {error}"), log }),
    }
}
