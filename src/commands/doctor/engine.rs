//! Which engine a build would take, and Docker's client, buildx and its builder, which the dockerfile engine needs.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::check::{Check, Level};
use crate::engine::OLDEST_BUILDX;
use crate::spec::EngineChoice;
use crate::tool_version::too_old;

/// A builder that does not answer in this time counts as not there.
const PATIENCE: Duration = Duration::from_secs(20);

const INSTALL: &str = "install the Docker CLI with buildx (Debian and Ubuntu: docker-cli and \
     docker-buildx; elsewhere: docs.docker.com/engine/install); the layers engine works without";

/// The Dockerfile that a build would read.
#[derive(Debug, Clone, Default)]
pub(super) struct Dockerfile {
    /// Files of the project that only BuildKit can build from.
    pub(super) changed: Vec<String>,
    /// Why that Dockerfile does not make the spec's images.
    pub(super) unfit: Option<String>,
}

/// Checks the engine that `choice` leads to, then Docker.
pub(super) async fn checks(choice: EngineChoice, recipe: &Dockerfile) -> Vec<Check> {
    let mut docker = docker_checks().await;
    let works = docker.iter().all(|check| check.level == Level::Ok);
    let is_needed = choice == EngineChoice::Dockerfile
        || choice == EngineChoice::Auto && !recipe.changed.is_empty();
    if !is_needed {
        docker.iter_mut().for_each(|check| check.level = check.level.min(Level::Warn));
    }
    docker.insert(0, engine(choice, recipe, works));
    docker
}

fn engine(choice: EngineChoice, recipe: &Dockerfile, docker_works: bool) -> Check {
    let name = "engine";
    let (files, is_own) = (recipe.changed.join(", "), !recipe.changed.is_empty());
    match (choice, &recipe.unfit) {
        (EngineChoice::Dockerfile, Some(why)) => Check::fail(
            name,
            format!("dockerfile, as build.engine says, and {why}"),
            "set build.engine to \"auto\" or \"layers\", which needs no stages",
        ),
        (EngineChoice::Dockerfile, None) => Check::ok(name, "dockerfile, as build.engine says"),
        (EngineChoice::Layers, _) if is_own => Check::fail(
            name,
            format!(
                "layers, as build.engine says, and only BuildKit can run the project's own {files}"
            ),
            "set build.engine to \"auto\" or \"dockerfile\"",
        ),
        (EngineChoice::Layers, _) => {
            Check::ok(name, "layers, as build.engine says; it needs no Docker")
        }
        (EngineChoice::Auto, _) if is_own => {
            Check::ok(name, format!("dockerfile: only BuildKit can run the project's own {files}"))
        }
        (EngineChoice::Auto, Some(why)) => Check::ok(name, format!("layers: {why}")),
        (EngineChoice::Auto, None) if docker_works => Check::ok(
            name,
            "layers for build --push, or dockerfile where the base image lacks what the wheels need; dockerfile without --push",
        ),
        (EngineChoice::Auto, None) => Check::ok(
            name,
            "layers; a base image that lacks what the wheels need is refused, as Docker does not work",
        ),
    }
}

/// Docker's client, buildx, the builder; what follows a failure is not checked.
async fn docker_checks() -> Vec<Check> {
    let mut checks = Vec::new();
    let steps: [(&'static str, &[&str]); 3] = [
        ("docker", &["--version"]),
        ("buildx", &["buildx", "version"]),
        ("builder", &["buildx", "inspect"]),
    ];
    for (name, args) in steps {
        match docker(args).await {
            Ok(text) if name == "builder" => checks.push(builder(&text)),
            Ok(text)
                if name == "buildx"
                    && let Some(found) = too_old(&text, &OLDEST_BUILDX) =>
            {
                let found = format!("{found} is too old; {OLDEST_BUILDX} or newer");
                checks.push(Check::fail(name, found, INSTALL));
                return checks;
            }
            Ok(text) => checks.push(Check::ok(name, text.lines().next().unwrap_or_default())),
            Err(cause) => {
                let todo = if name == "builder" { CREATE } else { INSTALL };
                checks.push(Check::fail(name, cause, todo));
                return checks;
            }
        }
    }
    checks
}

const CREATE: &str = "start the Docker daemon, or make a builder: `docker buildx create --use \
     --driver docker-container` (or --driver remote, kubernetes); BUILDX_BUILDER names another one";

/// What `docker buildx inspect` says: whether this builder can push by digest.
fn builder(text: &str) -> Check {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default()
    };
    let (name, driver, error) = (field("Name:"), field("Driver:"), field("Error:"));
    let found = format!("{name} (driver {driver})");
    if driver == "docker" {
        let found = format!("{found} cannot push by digest");
        return Check::fail("builder", found, CREATE);
    }
    if !error.is_empty() {
        return Check::fail("builder", format!("{found}: {error}"), CREATE);
    }
    Check::ok("builder", found)
}

async fn docker(args: &[&str]) -> Result<String, String> {
    let command =
        Command::new("docker").args(args).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = match tokio::time::timeout(PATIENCE, command).await {
        Err(_) => return Err(format!("no answer in {} seconds", PATIENCE.as_secs())),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("the program docker is not on PATH".to_owned());
        }
        Ok(result) => result.map_err(|error| error.to_string())?,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed").to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::check::Level;
    use super::*;

    #[test]
    fn the_engine_that_a_build_would_take_is_said_with_its_reason() {
        let own = Dockerfile { changed: vec!["docker/build/group.sh".to_owned()], unfit: None };
        let unfit = Dockerfile { changed: vec![], unfit: Some("no stage `x`".to_owned()) };
        let fits = Dockerfile::default();
        let found = |choice, recipe, docker| engine(choice, recipe, docker).found;
        assert!(found(EngineChoice::Auto, &fits, true).starts_with("layers for build --push"));
        assert!(found(EngineChoice::Auto, &fits, false).starts_with("layers; "));
        assert_eq!(found(EngineChoice::Auto, &unfit, true), "layers: no stage `x`");
        let text = found(EngineChoice::Auto, &own, true);
        assert!(text.starts_with("dockerfile: ") && text.ends_with("group.sh"), "{text}");
        assert_eq!(engine(EngineChoice::Layers, &own, true).level, Level::Fail);
        assert_eq!(engine(EngineChoice::Layers, &unfit, true).level, Level::Ok);
        assert_eq!(engine(EngineChoice::Dockerfile, &unfit, true).level, Level::Fail);
    }

    #[test]
    fn only_builders_that_push_by_digest_are_good() {
        let text = |driver: &str, more: &str| {
            format!("Name:   one\nDriver: {driver}\n{more}\nNodes:\nName:  one0\nEndpoint: x")
        };
        assert_eq!(builder(&text("docker-container", "")).found, "one (driver docker-container)");
        assert_eq!(builder(&text("remote", "")).level, Level::Ok);
        assert_eq!(builder(&text("docker", "")).level, Level::Fail);
        assert_eq!(builder(&text("remote", "Error: connection refused")).level, Level::Fail);
    }
}
