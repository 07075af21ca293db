//! Docker's client, buildx and its builder, as far as `build` with the dockerfile engine needs
//! them.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::check::Check;

/// A builder that does not answer in this time is taken for dead.
const PATIENCE: Duration = Duration::from_secs(20);

const INSTALL: &str = "install the Docker CLI with buildx (Debian and Ubuntu: docker-cli and \
     docker-buildx; elsewhere: docs.docker.com/engine/install); `envlock resolve` works without";

/// Docker's client, buildx, the builder; what comes after a failure is not looked at.
pub(super) async fn checks() -> Vec<Check> {
    let mut checks = Vec::new();
    let steps: [(&'static str, &[&str]); 3] = [
        ("docker", &["--version"]),
        ("buildx", &["buildx", "version"]),
        ("builder", &["buildx", "inspect"]),
    ];
    for (name, args) in steps {
        match docker(args).await {
            Ok(text) if name == "builder" => checks.push(builder(&text)),
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
