//! The `docker buildx` program: finds it, checks its builder, runs it.

use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use semver::Version;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::Error;
use super::progress::{Progress, State};
use crate::digest::Digest;
use crate::interrupt;
use crate::tool_version::too_old;
use crate::ui::{Bar, Stage, Ui, Unit};

/// How long a build may take to end by itself after an interrupt.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first buildx with `--progress=rawjson`.
pub const OLDEST: Version = Version::new(0, 12, 0);

/// A builder that answered.
#[derive(Debug, Clone)]
pub(super) struct Buildx {
    builder: Option<String>,
    driver: String,
}

impl Buildx {
    /// The builder of this name, or docker's current one. Errors name what is missing: docker, buildx, the
    /// builder.
    pub(super) async fn find(builder: Option<&str>) -> Result<Self, Error> {
        let version = docker(&["buildx", "version"]).await?;
        if !version.status.success() {
            return Err(Error::NoBuildx { detail: said(&version) });
        }
        let stated = String::from_utf8_lossy(&version.stdout);
        if let Some(found) = too_old(&stated, &OLDEST) {
            return Err(Error::OldBuildx { found, oldest: OLDEST });
        }
        let mut args = vec!["buildx", "inspect", "--bootstrap"];
        args.extend(builder);
        let inspected = docker(&args).await?;
        let text = String::from_utf8_lossy(&inspected.stdout).into_owned();
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let refused = |detail| Err(Error::NoBuilder { builder: spoken(builder), detail });
        // `inspect` succeeds where the engine does not answer, and has a line about it.
        match (field("Driver:"), field("Error:")) {
            (_, Some(error)) => refused(error.to_owned()),
            (Some(driver), None) if inspected.status.success() => {
                Ok(Self { builder: builder.map(str::to_owned), driver: driver.to_owned() })
            }
            _ => refused(said(&inspected)),
        }
    }

    /// Errors when this builder's driver can only push tags.
    pub(super) fn can_push_by_digest(&self) -> Result<(), Error> {
        match self.driver.as_str() {
            "docker" => Err(Error::NoPushByDigest { builder: spoken(self.builder.as_deref()) }),
            _ => Ok(()),
        }
    }

    /// Runs a bake file in `folder`. Returns each target's digest.
    pub(super) async fn bake(
        &self,
        folder: &Utf8Path,
        file: &Value,
        ui: &Ui,
    ) -> Result<BTreeMap<String, Digest>, Error> {
        let report = folder.join(".envlock/metadata.json");
        let _ = fs_err::remove_file(&report);
        let mut command = Command::new("docker");
        command.args(["buildx", "bake", "-f", "-", "--progress=rawjson", "--metadata-file"]);
        command.arg(".envlock/metadata.json");
        if let Some(builder) = &self.builder {
            command.args(["--builder", builder]);
        }
        command.current_dir(folder).kill_on_drop(true);
        // Provenance belongs beside an image: for the report, buildx would only repeat what the lock says.
        command.env("BUILDX_METADATA_PROVENANCE", "disabled");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::file("starting", "docker"))?;
        let mut progress = Progress::default();
        let text = file.to_string();
        let ended = interrupt::until(follow(&mut child, &text, &mut progress, ui)).await;
        let Some(ended) = ended else {
            // On a terminal the child got the signal too and ends by itself.
            let _ = tokio::time::timeout(PATIENCE, child.wait()).await;
            let _ = child.kill().await;
            return Err(Error::Interrupted);
        };
        if !ended.map_err(Error::file("running", "docker buildx bake"))? {
            return Err(progress.failure());
        }
        let text = fs_err::read_to_string(&report).map_err(Error::file("reading", &report))?;
        let _ = fs_err::remove_file(&report);
        digests(&text, file)
    }
}

/// Writes the bake file to the child and reads its progress to the end; whether it succeeded.
async fn follow(
    child: &mut Child,
    file: &str,
    progress: &mut Progress,
    ui: &Ui,
) -> std::io::Result<bool> {
    if let Some(mut stdin) = child.stdin.take() {
        // A child that ended before it read its input has written why to stderr.
        let _ = stdin.write_all(file.as_bytes()).await;
    }
    let all = ui.bar("steps", None, Unit::Items);
    let mut bars = BTreeMap::new();
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            tracing::debug!(target: "envlock::buildkit", "{line}");
            progress.feed(&line);
            show(progress, &all, &mut bars);
        }
    }
    all.finish();
    Ok(child.wait().await?.success())
}

/// Updates the bars to the state of the steps: each with its state and the bytes that it shows.
fn show(progress: &Progress, all: &Bar, bars: &mut BTreeMap<String, (Bar, State, u64)>) {
    for (digest, step) in progress.steps() {
        let new = || (all.part(&step.name, 0, &[]), State::Known, 0);
        let (bar, state, shown) = bars.entry(digest.to_owned()).or_insert_with(new);
        let (done, total) = step.bytes();
        if step.state == State::Begun && (*state == State::Known || (done, *shown) > (0, done)) {
            bar.begin(Stage::Run, None);
            *shown = 0;
        }
        if step.state == State::Begun && done > *shown {
            bar.expect(total);
            bar.inc(done - *shown);
            *shown = done;
        }
        match step.state {
            State::Done => bar.done("done"),
            State::Cached => bar.done("cached"),
            State::Known | State::Begun => {}
        }
        *state = step.state;
    }
}

/// The digests in the report of `bake --metadata-file`, one for each target of `file`.
fn digests(report: &str, file: &Value) -> Result<BTreeMap<String, Digest>, Error> {
    #[derive(Deserialize)]
    struct Target {
        #[serde(rename = "containerimage.digest")]
        digest: Option<Digest>,
    }
    let missing = |image: &str| Error::NoDigest { image: image.to_owned() };
    let report: BTreeMap<String, Value> = serde_json::from_str(report).unwrap_or_default();
    let targets = file["target"].as_object().into_iter().flatten();
    let digest = |(name, _): (&String, &Value)| {
        let target = report.get(name).and_then(|v| Target::deserialize(v).ok());
        let digest = target.and_then(|t| t.digest).ok_or_else(|| missing(name))?;
        Ok((name.clone(), digest))
    };
    targets.map(digest).collect()
}

async fn docker(args: &[&str]) -> Result<Output, Error> {
    let output = Command::new("docker").args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    output.await.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoDocker,
        _ => Error::File { action: "starting", path: "docker".into(), source },
    })
}

/// The first line of what a failed command said.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
    line.trim_start_matches("ERROR: ").to_owned()
}

fn spoken(builder: Option<&str>) -> String {
    builder.map_or_else(|| "that docker uses now".to_owned(), |name| format!("`{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_target_must_have_a_digest_in_the_report() {
        let file = json!({ "target": { "a": {}, "b": {} } });
        let digest = Digest::of("a");
        let full = json!({ "a": { "containerimage.digest": digest }, "b": { "containerimage.digest": digest } });
        assert_eq!(digests(&full.to_string(), &file).unwrap()["b"], digest);
        let half = json!({ "a": { "containerimage.digest": digest }, "b": {} });
        let error = digests(&half.to_string(), &file).unwrap_err();
        assert!(matches!(error, Error::NoDigest { image } if image == "b"));
        assert!(digests("", &file).is_err());
    }
}
