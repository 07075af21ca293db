//! Containers and networks of one run, found by a label and removed at its end, in whatever way it ends.

use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};

use super::runtime::Ended;
use super::{Error, Runtime};
use crate::reference::PinnedReference;

/// The label of every container and network of a run; its value is the run's name.
const LABEL: &str = "dev.envlock.verify";
/// How many lines of a container's output are kept.
const TAIL: usize = 30;
/// The time limit of a small request to the engine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Shared memory: Ray's object store and torch's workers need some.
const SHARED_MEMORY: &str = "1g";

/// The containers and networks of one run.
pub(super) struct Sandbox {
    runtime: Runtime,
    /// `envlock-verify-PID-XXXX`
    run: String,
    network: OnceCell<String>,
    /// Heavy containers at once: each may take some GB of memory.
    turns: Semaphore,
    limit: Duration,
}

/// How a container is started.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    /// Another command than the image's own, with its arguments.
    pub command: Option<Vec<String>>,
    /// `None`: no network.
    pub network: Option<String>,
    /// More options of the program's.
    pub options: Vec<String>,
}

/// A container that runs in the background.
pub(super) struct Container<'a> {
    sandbox: &'a Sandbox,
    name: String,
}

impl Sandbox {
    /// With at most `turns` heavy containers at once, each with the time limit `limit`.
    pub(super) fn new(runtime: Runtime, turns: usize, limit: Duration) -> Self {
        // Two processes of one engine may have the same pid, each in a container of its own.
        let id = uuid::Uuid::new_v4().simple().to_string();
        let run = format!("envlock-verify-{}-{}", std::process::id(), &id[..6]);
        Sandbox { runtime, run, network: OnceCell::new(), turns: Semaphore::new(turns), limit }
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// An internal network of the containers in it, created when it is first needed.
    pub(super) async fn network(&self) -> Result<String, Error> {
        let make = async || {
            let label = format!("{LABEL}={}", self.run);
            let words = ["network", "create", "--internal", "--label", &label, &self.run];
            match self.runtime.ask(&words).await? {
                Ok(_) => Ok(self.run.clone()),
                Err(detail) => Err(Error::Network { program: self.runtime.program(), detail }),
            }
        };
        self.network.get_or_try_init(make).await.cloned()
    }

    fn arguments(&self, name: &str, image: &PinnedReference, manner: &Manner) -> Vec<String> {
        let network = manner.network.as_deref().unwrap_or("none");
        let label = format!("{LABEL}={}", self.run);
        let own = ["--name", name, "--label", &label, "--network", network];
        let mut arguments: Vec<String> = own.map(str::to_owned).to_vec();
        // The image was pulled before: it must not be pulled from elsewhere.
        arguments.extend(["--pull", "never", "--shm-size", SHARED_MEMORY].map(str::to_owned));
        arguments.extend(manner.options.iter().cloned());
        let command = manner.command.as_deref().and_then(<[String]>::split_first);
        if let Some((program, _)) = command {
            arguments.extend(["--entrypoint".to_owned(), program.clone()]);
        }
        arguments.push(image.to_string());
        arguments.extend(command.into_iter().flat_map(|(_, rest)| rest.iter().cloned()));
        arguments
    }

    /// Waits for a turn, runs a container to its end with `input` on its standard input, and removes it.
    pub(super) async fn run(
        &self,
        what: &str,
        image: &PinnedReference,
        manner: &Manner,
        input: &str,
    ) -> Result<Ended, Error> {
        let _turn = self.turns.acquire().await;
        let name = format!("{}-{what}", self.run);
        let mut arguments: Vec<String> =
            ["run", "--rm", "--interactive"].map(str::to_owned).to_vec();
        arguments.extend(self.arguments(&name, image, manner));
        let mut ended = self.runtime.call(&arguments, input, self.limit).await?;
        if ended.is_late {
            // It still exists, and its log may show where it hangs.
            let container = Container { sandbox: self, name };
            ended.stderr = container.tail().await?;
            container.remove().await?;
        }
        Ok(ended)
    }

    /// Starts a container in the background. The inner error: why it does not start.
    pub(super) async fn start(
        &self,
        what: &str,
        image: &PinnedReference,
        manner: &Manner,
    ) -> Result<Result<Container<'_>, String>, Error> {
        let name = format!("{}-{what}", self.run);
        let mut arguments: Vec<String> = ["run", "--detach"].map(str::to_owned).to_vec();
        arguments.extend(self.arguments(&name, image, manner));
        let ended = self.runtime.call(&arguments, "", PATIENCE).await?;
        Ok(match ended.failure {
            Some(why) => Err(why),
            None => Ok(Container { sandbox: self, name }),
        })
    }

    /// Removes everything of this run. A container that was still being created appears only later: checks again.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        let label = format!("label={LABEL}={}", self.run);
        for look in 0..3 {
            let found = self.runtime.ask(&["ps", "--all", "--quiet", "--filter", &label]).await?;
            let found = found.unwrap_or_default();
            if found.is_empty() && look > 0 {
                break;
            }
            for id in found.lines() {
                let words = ["rm", "--force", "--volumes", id].map(str::to_owned);
                self.runtime.call(&words, "", PATIENCE).await?;
            }
        }
        let networks = self.runtime.ask(&["network", "ls", "--quiet", "--filter", &label]).await?;
        for id in networks.unwrap_or_default().lines() {
            self.runtime.ask(&["network", "rm", id]).await?.ok();
        }
        Ok(())
    }
}

impl Container<'_> {
    /// The network from which another container reaches it: the run's. Where podman runs beside docker, docker's
    /// firewall drops what goes from one of podman's containers to another; there the two share this one's.
    pub(super) async fn neighbourhood(&self) -> Result<String, Error> {
        match self.sandbox.runtime.program() {
            "podman" => Ok(format!("container:{}", self.name)),
            _ => self.sandbox.network().await,
        }
    }

    /// Runs a command in it, `input` on its standard input.
    pub(super) async fn exec(&self, command: &[String], input: &str) -> Result<Ended, Error> {
        let mut arguments = vec!["exec".to_owned(), "--interactive".to_owned(), self.name.clone()];
        arguments.extend(command.iter().cloned());
        self.sandbox.runtime.call(&arguments, input, self.sandbox.limit).await
    }

    /// Its address in the network it is in.
    pub(super) async fn address(&self) -> Result<Result<String, String>, Error> {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let found = self.sandbox.runtime.ask(&["inspect", "--format", format, &self.name]).await?;
        Ok(found.and_then(|all| {
            let first = all.split_whitespace().next().map(str::to_owned);
            first.ok_or_else(|| "the container has no address".to_owned())
        }))
    }

    /// How it ended; `None`: it is running.
    pub(super) async fn end(&self) -> Result<Option<String>, Error> {
        let format = "{{.State.Running}} {{.State.ExitCode}}";
        let found = self.sandbox.runtime.ask(&["inspect", "--format", format, &self.name]).await?;
        Ok(match found.as_deref().map(|state| state.split_once(' ')) {
            Ok(Some(("true", _))) => None,
            Ok(Some((_, code))) => Some(format!("the container ended with {code}")),
            _ => Some("the container no longer exists".to_owned()),
        })
    }

    /// Its last lines, both streams.
    pub(super) async fn tail(&self) -> Result<String, Error> {
        let lines = TAIL.to_string();
        let words = ["logs", "--tail", &lines, &self.name].map(str::to_owned);
        let ended = self.sandbox.runtime.call(&words, "", PATIENCE).await?;
        Ok(last_lines(&(ended.stdout + &ended.stderr)))
    }

    /// It is gone afterwards.
    pub(super) async fn remove(self) -> Result<(), Error> {
        let words = ["rm", "--force", "--volumes", &self.name].map(str::to_owned);
        self.sandbox.runtime.call(&words, "", PATIENCE).await.map(drop)
    }
}

/// The end of a container's output.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
