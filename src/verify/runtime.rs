//! The program docker or podman: which of them can run containers here, and single calls of it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Error;
use crate::reference::PinnedReference;

/// A program that does not answer simple questions in this time counts as missing.
const PATIENCE: Duration = Duration::from_secs(20);
/// The folders with CDI's device files (cncf.io's Container Device Interface).
const CDI: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];
/// CDI's name for all NVIDIA GPUs.
const ALL_GPUS: &str = "nvidia.com/gpu=all";

/// The choice of a container runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// docker where its engine answers, else podman
    #[default]
    Auto,
    /// The Docker engine that the command line talks to
    Docker,
    /// podman, as this user
    Podman,
}

/// A program that runs containers.
#[derive(Debug, Clone)]
pub struct Runtime {
    program: &'static str,
    version: String,
}

/// How a call of the program ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// Why it failed; `None`: it succeeded.
    pub failure: Option<String>,
    pub stdout: String,
    pub stderr: String,
    /// Whether it was stopped at its time limit.
    pub is_late: bool,
}

impl Runtime {
    /// The program of this choice, when it can run containers.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] with the output of each.
    pub async fn find(choice: Choice) -> Result<Self, Error> {
        let candidates: &[&'static str] = match choice {
            Choice::Auto => &["docker", "podman"],
            Choice::Docker => &["docker"],
            Choice::Podman => &["podman"],
        };
        let mut said = Vec::new();
        for program in candidates {
            let format = match *program {
                "docker" => "{{.Server.Version}}",
                _ => "{{.Client.Version}}",
            };
            let version = ["version", "--format", format].map(str::to_owned);
            let runtime = Runtime { program, version: String::new() };
            match runtime.call(&version, "", PATIENCE).await {
                Ok(Ended { failure: None, stdout, .. }) if !stdout.trim().is_empty() => {
                    return Ok(Runtime { version: stdout.trim().to_owned(), ..runtime });
                }
                Ok(ended) => {
                    let why = ended.failure.unwrap_or_else(|| "it names no version".to_owned());
                    said.push(format!("{program}: {why}"));
                }
                Err(Error::Program { source, .. }) => said.push(format!("{program}: {source}")),
                Err(error) => return Err(error),
            }
        }
        Err(Error::NoRuntime { detail: said.join("; ") })
    }

    /// `docker` or `podman`.
    pub fn program(&self) -> &'static str {
        self.program
    }

    /// The engine's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program with its three streams as pipes.
    pub(super) fn command(&self, arguments: &[String]) -> Command {
        tracing::debug!(program = self.program, ?arguments, "called");
        let mut command = Command::new(self.program);
        command.args(arguments).kill_on_drop(true).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.program == "podman" && has_no_logins() {
            command.env_remove("DOCKER_CONFIG");
        }
        command
    }

    /// Runs the program with `input` on its standard input. On a terminal Ctrl-C does not reach it: this program
    /// removes what it started.
    pub(super) async fn call(
        &self,
        arguments: &[String],
        input: &str,
        limit: Duration,
    ) -> Result<Ended, Error> {
        let mut command = self.command(arguments);
        let failed = |source| Error::Program { program: self.program, source };
        let mut child = command.spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let talk = async {
            if let Some(mut stdin) = stdin {
                // A program that ended before it read its input has printed the reason on stderr.
                let _ = stdin.write_all(input.as_bytes()).await;
                drop(stdin);
            }
            child.wait_with_output().await
        };
        let Ok(output) = tokio::time::timeout(limit, talk).await else {
            return Ok(Ended {
                failure: Some(late(limit)),
                stdout: String::new(),
                stderr: String::new(),
                is_late: true,
            });
        };
        let output = output.map_err(failed)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let last = stderr.lines().rfind(|line| !line.trim().is_empty());
        let failure = failure(output.status, last);
        Ok(Ended { failure, stdout, stderr, is_late: false })
    }

    /// As [`Runtime::call`] for a question; its trimmed output, or why it failed.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<Result<String, String>, Error> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let ended = self.call(&arguments, "", PATIENCE).await?;
        Ok(match ended.failure {
            Some(why) => Err(why),
            None => Ok(ended.stdout.trim().to_owned()),
        })
    }

    /// Bytes of the unpacked layers; `None`: it does not say.
    pub(super) async fn unpacked(&self, image: &PinnedReference) -> Result<Option<u64>, Error> {
        let image = image.to_string();
        if self.program == "podman" {
            let size = self.ask(&["image", "inspect", "--format", "{{.Size}}", &image]).await?;
            return Ok(size.ok().and_then(|size| size.parse().ok()));
        }
        // What docker's `image inspect` calls Size is the packed bytes in one of its stores.
        let words = ["history", "--no-trunc", "--human=false", "--format", "{{.Size}}", &image];
        let Ok(sizes) = self.ask(&words).await? else { return Ok(None) };
        let sizes: Option<Vec<u64>> = sizes.lines().map(|line| line.trim().parse().ok()).collect();
        let sum = sizes.map(|sizes| sizes.into_iter().sum());
        Ok(sum.filter(|sum| *sum > 0))
    }

    /// The image's size as `docker images` shows it.
    pub(super) async fn listed(&self, image: &PinnedReference) -> Result<Option<String>, Error> {
        let name = format!("{}/{}", image.registry(), image.repository());
        let format = "{{.Digest}} {{.Size}}";
        let words = ["image", "ls", "--digests", "--no-trunc", "--format", format, &name];
        let Ok(lines) = self.ask(&words).await? else { return Ok(None) };
        let digest = image.digest().to_string();
        let own = lines.lines().find_map(|line| line.strip_prefix(&digest));
        Ok(own.map(|size| size.trim().to_owned()))
    }

    /// The options that give a container every GPU; else why it has none.
    pub(super) async fn gpu_options(&self) -> Result<Result<Vec<String>, String>, Error> {
        let device = || vec!["--device".to_owned(), ALL_GPUS.to_owned()];
        if self.program == "podman" {
            return Ok(match has_cdi() {
                true => Ok(device()),
                false => Err(missing("podman has no CDI devices of NVIDIA (/etc/cdi)").await),
            });
        }
        let Ok(info) = self.ask(&["info", "--format", "{{json .}}"]).await? else {
            return Ok(Err("docker info does not answer".to_owned()));
        };
        let info: Value = serde_json::from_str(&info).unwrap_or_default();
        if info["Runtimes"].get("nvidia").is_some() {
            return Ok(Ok(vec!["--gpus".to_owned(), "all".to_owned()]));
        }
        let devices = info["DiscoveredDevices"].as_array();
        if devices.is_some_and(|all| all.iter().any(|device| device["ID"] == ALL_GPUS)) {
            return Ok(Ok(device()));
        }
        Ok(Err(missing("docker has neither NVIDIA's runtime nor its CDI devices").await))
    }
}

/// Why the program failed, by the last line of its stderr; `None`: it succeeded.
pub(super) fn failure(status: ExitStatus, last: Option<&str>) -> Option<String> {
    (!status.success()).then(|| match last {
        Some(last) => last.trim().to_owned(),
        None => format!("it ended with {status}, without a message"),
    })
}

/// The message for a program that exceeded its time limit.
pub(super) fn late(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs())
}

/// podman takes logins from docker's folder, and fails where the variable names one without any.
fn has_no_logins() -> bool {
    let folder = std::env::var_os("DOCKER_CONFIG").map(std::path::PathBuf::from);
    folder.is_some_and(|folder| !folder.join("config.json").exists())
}

fn has_cdi() -> bool {
    let files = CDI.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    files
        .filter_map(|file| fs_err::read_to_string(file.path()).ok())
        .any(|text| text.contains("nvidia.com/gpu"))
}

/// Why no GPU is used, and whether the machine itself has one.
async fn missing(engine: &str) -> String {
    let mut command = Command::new("nvidia-smi");
    command.arg("-L").stdin(Stdio::null()).kill_on_drop(true);
    let listed = tokio::time::timeout(PATIENCE, command.output()).await;
    let count = match listed {
        Ok(Ok(output)) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|l| l.starts_with("GPU "))
            .count(),
        _ => 0,
    };
    match count {
        0 => format!("no GPU here: nvidia-smi lists none, and {engine}"),
        count => format!(
            "nvidia-smi lists {count}, but {engine}: install the NVIDIA Container Toolkit (nvidia-ctk)"
        ),
    }
}
