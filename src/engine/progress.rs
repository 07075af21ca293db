//! BuildKit's progress, as buildx writes it with `--progress=rawjson`: one JSON object a line with the
//! vertexes (steps), statuses and logs that changed. Pure: lines in, counts and failures out.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Error;

/// How many of a step's last lines a failure shows.
const LOG_LINES: usize = 20;

/// The state of a build.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: BTreeMap<String, Step>,
    /// Lines that are not JSON: messages of buildx itself.
    plain: VecDeque<String>,
}

/// The state of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Known,
    Begun,
    Done,
    Cached,
}

/// A vertex of BuildKit's graph.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Its name, for people.
    pub(super) name: String,
    pub(super) state: State,
    /// Bytes that moved so far and in all, of each of its transfers.
    transfers: BTreeMap<String, (u64, u64)>,
    error: Option<String>,
    log: VecDeque<String>,
}

impl Step {
    /// Bytes of its transfers that moved so far, and in all; (0, 0): it has none.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let add = |(done, all), (more, total): &(u64, u64)| (done + more, all + total);
        self.transfers.values().fold((0, 0), add)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line {
    vertexes: Vec<Vertex>,
    statuses: Vec<Status>,
    logs: Vec<Log>,
}

#[derive(Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<String>,
    completed: Option<String>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Status {
    id: String,
    #[serde(default)]
    vertex: String,
    #[serde(default)]
    current: u64,
    #[serde(default)]
    total: u64,
}

#[derive(Deserialize)]
struct Log {
    vertex: String,
    data: String,
}

impl Progress {
    /// Takes one line of buildx's output.
    pub(super) fn feed(&mut self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            if !line.trim().is_empty() {
                keep(&mut self.plain, line);
            }
            return;
        };
        for vertex in line.vertexes {
            let step = self.steps.entry(vertex.digest).or_default();
            step.name = readable(&vertex.name);
            step.state = match (vertex.completed, vertex.started) {
                (Some(_), _) if vertex.cached => State::Cached,
                (Some(_), _) => State::Done,
                (None, Some(_)) => State::Begun,
                (None, None) => State::Known,
            };
            if !vertex.error.is_empty() {
                step.error = Some(vertex.error);
            }
        }
        for status in line.statuses {
            // A status without a total does not count bytes.
            if let Some(step) = self.steps.get_mut(&status.vertex).filter(|_| status.total > 0) {
                step.transfers.insert(status.id, (status.current, status.total));
            }
        }
        for log in line.logs {
            let Ok(bytes) = STANDARD.decode(log.data) else { continue };
            let step = self.steps.entry(log.vertex).or_default();
            String::from_utf8_lossy(&bytes).lines().for_each(|text| keep(&mut step.log, text));
        }
    }

    /// The steps that are known, by their digests.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.steps.iter().map(|(digest, step)| (digest.as_str(), step))
    }

    /// Why the build failed.
    pub(super) fn failure(&self) -> Error {
        // A failing step cancels the others, which then fail too.
        let failed = |cancelled: bool| {
            self.steps.values().find_map(|step| {
                let error = step.error.as_ref()?;
                (error.contains("context canceled") == cancelled).then_some((step, error))
            })
        };
        let Some((step, error)) = failed(false).or_else(|| failed(true)) else {
            let last =
                self.plain.iter().rev().find(|l| l.starts_with("ERROR:")).or(self.plain.back());
            let message =
                last.map_or("buildx printed nothing", |l| l.trim_start_matches("ERROR: "));
            return Error::Build { message: message.to_owned() };
        };
        if error.starts_with("failed to push ") {
            return Error::Registry { message: format!("the push failed: {error}") };
        }
        if step.name.contains("load metadata for ") {
            let message = format!("the base image cannot be read: {error}");
            return Error::Registry { message };
        }
        Error::Step {
            step: step.name.clone(),
            message: error.clone(),
            log: step.log.iter().cloned().collect(),
        }
    }
}

fn keep(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() == LOG_LINES {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

/// A step's name without the options of its RUN: `[ray-runtime 1/1] sh /mnt/group.sh ray`.
fn readable(name: &str) -> String {
    match name.split_once("] RUN ") {
        Some((stage, command)) => {
            let command = command.split_whitespace().skip_while(|w| w.starts_with("--"));
            format!("{stage}] {}", command.collect::<Vec<_>>().join(" "))
        }
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(lines: &[&str]) -> Progress {
        let mut progress = Progress::default();
        lines.iter().for_each(|line| progress.feed(line));
        progress
    }

    #[test]
    fn steps_are_counted_once_however_often_they_are_reported() {
        let progress = fed(&[
            r#"{"vertexes":[{"digest":"sha256:a","name":"[x 1/2] RUN --network=none --mount=type=bind,source=a   sh /mnt/group.sh ray","started":"2026-01-01T00:00:00Z"}]}"#,
            r#"{"vertexes":[{"digest":"sha256:b","name":"[internal] load .dockerignore"}]}"#,
            r#"{"vertexes":[{"digest":"sha256:b","name":"[internal] load .dockerignore","started":"s","completed":"t"}]}"#,
            r#"{"statuses":[{"id":"extracting","vertex":"sha256:a","current":1}]}"#,
            r#"{"statuses":[{"id":"sha256:1","vertex":"sha256:a","current":5,"total":9}]}"#,
            r#"{"statuses":[{"id":"sha256:1","vertex":"sha256:a","current":7,"total":9}]}"#,
        ]);
        let steps: Vec<_> =
            progress.steps().map(|(_, s)| (s.name.as_str(), s.state, s.bytes())).collect();
        assert_eq!(
            steps,
            [
                ("[x 1/2] sh /mnt/group.sh ray", State::Begun, (7, 9)),
                ("[internal] load .dockerignore", State::Done, (0, 0)),
            ]
        );
    }

    #[test]
    fn a_failing_step_is_shown_with_what_it_printed_and_not_the_ones_it_cancelled() {
        let said = STANDARD.encode("one\ntwo\n");
        let progress = fed(&[
            r#"{"vertexes":[{"digest":"sha256:0","name":"[y 1/1] RUN true","started":"s","completed":"t","error":"context canceled"}]}"#,
            &format!(r#"{{"logs":[{{"vertex":"sha256:a","stream":2,"data":"{said}"}}]}}"#),
            r#"{"vertexes":[{"digest":"sha256:a","name":"[x 1/1] RUN false","started":"s","completed":"t","error":"exit code: 1"}]}"#,
            "ERROR: target x: failed to solve: exit code: 1",
        ]);
        let error = progress.failure();
        assert_eq!(
            error.to_string(),
            "the build failed at [x 1/1] false: exit code: 1\n    one\n    two"
        );
        assert!(matches!(error, Error::Step { .. }));
    }

    #[test]
    fn what_the_registry_did_is_not_called_a_failed_step() {
        for (name, error) in [
            (
                "[x] exporting to image",
                "failed to push 127.0.0.1:1/x: failed to do request: refused",
            ),
            ("[x internal] load metadata for 127.0.0.1:1/base@sha256:00", "not found"),
        ] {
            let line =
                format!(r#"{{"vertexes":[{{"digest":"d","name":"{name}","error":"{error}"}}]}}"#);
            assert!(matches!(fed(&[&line]).failure(), Error::Registry { .. }), "{name}");
        }
    }

    #[test]
    fn without_a_failing_step_buildx_has_the_last_word() {
        let error = fed(&["ERROR: no such target", "", "see the manual"]).failure();
        assert_eq!(error.to_string(), "the build failed: no such target");
        assert_eq!(fed(&[]).failure().to_string(), "the build failed: buildx printed nothing");
    }
}
