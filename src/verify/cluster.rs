//! Ray in containers: a head, as the platform starts it, tasks on it, and a client from another image.

use std::time::Instant;

use super::Error;
use super::checks::{self, Check, CheckName, Expected, Facts, OfCluster, OfServer};
use super::probe::{self, Silence};
use super::sandbox::{Container, Manner, Sandbox};
use crate::reference::PinnedReference;

/// The command of the head, as in rayproject/ray's templates, for four small tasks. The client's server uses port
/// 10001 by default; naming it is an error where `ray[client]` is not installed.
const HEAD: [&str; 15] = [
    "/opt/conda/bin/conda",
    "run",
    "-n",
    "py",
    "ray",
    "start",
    "--head",
    "--block",
    "--disable-usage-stats",
    "--num-cpus=2",
    "--object-store-memory=200000000",
    "--port=6379",
    "--dashboard-host=0.0.0.0",
    "--dashboard-port=8265",
    "--num-gpus=0",
];
/// Seconds until a cluster runs, or a dashboard answers.
const PATIENCE: &str = "120";

/// A head that runs.
pub(super) struct Head<'a> {
    container: Container<'a>,
    address: String,
}

/// Starts a head and waits until `ray status` shows the cluster.
pub(super) async fn head<'a>(
    sandbox: &'a Sandbox,
    what: &str,
    image: &PinnedReference,
    expected: &Expected,
) -> Result<(Check, Option<Head<'a>>), Error> {
    let started = Instant::now();
    let name = CheckName::Ray;
    let failed = |why: String, log: String| {
        let check = Check::of(name, Err(why)).after(started.elapsed().as_secs_f64());
        (check.with_log(log), None)
    };
    let mut command: Vec<String> = HEAD.map(str::to_owned).to_vec();
    command.push(format!("--include-dashboard={}", expected.has_dashboard()));
    let options = ["--user", "1000:1000"].map(str::to_owned).to_vec();
    let network = Some(sandbox.network().await?);
    let manner = Manner { command: Some(command), network, options };
    let container = match sandbox.start(what, image, &manner).await? {
        Ok(container) => container,
        Err(why) => return Ok(failed(format!("it does not start: {why}"), String::new())),
    };
    let answer = probe::within::<serde_json::Value>(&container, &["status", PATIENCE]).await?;
    if let Err(Silence { why, log }) = answer {
        return Ok(failed(why, log));
    }
    let address = match container.address().await? {
        Ok(address) => address,
        Err(why) => return Ok(failed(why, String::new())),
    };
    let version = expected.version("ray").map(ToString::to_string).unwrap_or_default();
    let detail = format!("a head of Ray {version} as 1000:1000; `ray status` has an active node");
    let check = Check::of(name, Ok(detail)).after(started.elapsed().as_secs_f64());
    Ok((check, Some(Head { container, address })))
}

impl Head<'_> {
    /// Tasks, given from the head itself.
    pub(super) async fn tasks(&self) -> Result<Check, Error> {
        let started = Instant::now();
        let found = probe::within::<OfCluster>(&self.container, &["cluster", "auto"]).await?;
        Ok(judged(CheckName::Tasks, found, started))
    }

    /// The dashboard, over HTTP.
    pub(super) async fn dashboard(&self) -> Result<Check, Error> {
        let started = Instant::now();
        let words = ["get", "http://127.0.0.1:8265/api/version", PATIENCE];
        let found = probe::within::<OfServer>(&self.container, &words).await?;
        let check = match found {
            Ok(OfServer { status: 200, body }) if body.contains("ray_version") => {
                Check::of(CheckName::Dashboard, Ok("answers on port 8265".to_owned()))
            }
            Ok(OfServer { status, body }) => Check::of(
                CheckName::Dashboard,
                Err(format!("/api/version answers {status}: {}", body.trim())),
            ),
            Err(Silence { why, log }) => Check::of(CheckName::Dashboard, Err(why)).with_log(log),
        };
        Ok(check.after(started.elapsed().as_secs_f64()))
    }

    /// Tasks, given by ray:// from a container of `image`. Differences are reported before anything is connected.
    pub(super) async fn client(
        &self,
        sandbox: &Sandbox,
        what: &str,
        image: &PinnedReference,
        (here, head): ((&str, &Facts), (&str, &Facts)),
    ) -> Result<Check, Error> {
        if let Err(why) = checks::client_fits(here, head) {
            return Ok(Check::of(CheckName::Client, Err(why)));
        }
        let started = Instant::now();
        let address = format!("ray://{}:10001", self.address);
        let network = Some(self.container.neighbourhood().await?);
        let manner = Manner { network, ..Manner::default() };
        let words = ["cluster", address.as_str()];
        let mut found = probe::alone::<OfCluster>(sandbox, what, image, &words, manner).await?;
        if let Err(silence) = &mut found {
            silence.log += &format!("\nThe head:\n{}", self.container.tail().await?);
        }
        let check = judged(CheckName::Client, found, started);
        Ok(Check { detail: format!("to {}: {}", head.0, check.detail), ..check })
    }

    /// Removes it.
    pub(super) async fn remove(self) -> Result<(), Error> {
        self.container.remove().await
    }
}

fn judged(name: CheckName, found: Result<OfCluster, Silence>, started: Instant) -> Check {
    let check = match found {
        Ok(found) => checks::tasks(name, &found),
        Err(Silence { why, log }) => Check::of(name, Err(why)).with_log(log),
    };
    check.after(started.elapsed().as_secs_f64())
}
