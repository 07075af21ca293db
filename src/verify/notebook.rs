//! Checks marimo by the image's own command.

use std::time::Instant;

use super::Error;
use super::checks::{Check, CheckName, OfServer};
use super::probe::{self, Silence};
use super::sandbox::{Manner, Sandbox};
use crate::reference::PinnedReference;

/// The port that the images serve on, and the seconds until they do.
const HEALTH: [&str; 3] = ["get", "http://127.0.0.1:8080/health", "120"];

/// Starts the image without arguments, and requests /health.
pub(super) async fn serves(
    sandbox: &Sandbox,
    what: &str,
    image: &PinnedReference,
) -> Result<Check, Error> {
    let started = Instant::now();
    let check = |found: Result<String, String>| {
        Check::of(CheckName::Marimo, found).after(started.elapsed().as_secs_f64())
    };
    let container = match sandbox.start(what, image, &Manner::default()).await? {
        Ok(container) => container,
        Err(why) => return Ok(check(Err(format!("it does not start: {why}")))),
    };
    let found = probe::within::<OfServer>(&container, &HEALTH).await?;
    let check = match found {
        Ok(OfServer { status: 200, body }) if body.contains("\"healthy\"") => {
            check(Ok("its own command serves on port 8080, and /health is fine".to_owned()))
        }
        Ok(OfServer { status, body }) => {
            check(Err(format!("/health answers {status}: {}", body.trim())))
        }
        Err(Silence { why, log }) => check(Err(why)).with_log(log),
    };
    container.remove().await?;
    Ok(check)
}
