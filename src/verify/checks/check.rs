//! One check of an image, and its outcome.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::digest::Sha256;
use crate::exit::Exit;
use crate::reference::PinnedReference;

/// The checks of an image, in the order of the report.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum CheckName {
    /// The lock is the one that the image says it was built from
    Lock,
    /// The engine gets it from its registry, by digest
    Pull,
    /// Its Python runs, and has the locked version to the patch
    Python,
    /// Every distribution is there in the locked version, and no other
    Packages,
    /// Every installed file is there, with its size
    Files,
    /// It runs as uid 1000
    User,
    /// The ways in which templates for rayproject/ray start it work
    Layout,
    /// It is not bigger than max-size
    Size,
    /// torch, torch_geometric, pyg_lib, ray, marimo are imported
    Imports,
    /// torch computes, and is of the locked CUDA line
    Torch,
    /// torch has code for the GPUs of target.gpus
    ArchList,
    /// A layer of PyTorch Geometric computes
    Pyg,
    /// On a GPU: a product, and NCCL
    Gpu,
    /// `ray start --head`, until `ray status` shows the cluster
    Ray,
    /// Tasks on that cluster
    Tasks,
    /// The dashboard answers
    Dashboard,
    /// From marimo's image to Ray's by ray://
    Client,
    /// The image's own command serves notebooks, and /health answers
    Marimo,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It passed.
    Ok,
    /// It failed.
    Failed,
    /// It could not be made here; the detail says why.
    Skipped,
    /// What it asks about is not in the image's lock.
    NotLocked,
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Check {
    /// Which.
    pub check: CheckName,
    /// How it came out.
    pub result: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// What was found.
    pub detail: String,
    /// The last lines a container printed; only where that may help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// Everything that was checked of one image.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImageReport {
    /// The image.
    pub image: PinnedReference,
    /// Its name in the spec.
    pub name: String,
    /// The hash of the lock it was compared with; `None`: there was none.
    pub lock: Option<Sha256>,
    /// In the order of [`CheckName`].
    pub checks: Vec<Check>,
}

/// How many checks had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Passed.
    pub ok: usize,
    /// Failed.
    pub failed: usize,
    /// Not made.
    pub skipped: usize,
    /// About something that is not in the lock.
    pub not_locked: usize,
}

impl CheckName {
    /// Its name in options and tables: `arch-list`.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckName::Lock => "lock",
            CheckName::Pull => "pull",
            CheckName::Python => "python",
            CheckName::Packages => "packages",
            CheckName::Files => "files",
            CheckName::User => "user",
            CheckName::Layout => "layout",
            CheckName::Size => "size",
            CheckName::Imports => "imports",
            CheckName::Torch => "torch",
            CheckName::ArchList => "arch-list",
            CheckName::Pyg => "pyg",
            CheckName::Gpu => "gpu",
            CheckName::Ray => "ray",
            CheckName::Tasks => "tasks",
            CheckName::Dashboard => "dashboard",
            CheckName::Client => "client",
            CheckName::Marimo => "marimo",
        }
    }

    /// The exit code of a failure: other content than the lock's, an image that cannot be pulled, or one that
    /// does not work.
    fn exit(self) -> Exit {
        match self {
            CheckName::Lock | CheckName::Python | CheckName::Packages | CheckName::Files => {
                Exit::Integrity
            }
            CheckName::Pull => Exit::Registry,
            _ => Exit::Failed,
        }
    }
}

impl Check {
    /// A check without a log.
    pub fn new(check: CheckName, result: Outcome, detail: impl Into<String>) -> Self {
        Check { check, result, seconds: 0.0, detail: detail.into(), log: None }
    }

    /// Passed with what was found, or failed with what is wrong.
    pub fn of(check: CheckName, found: Result<String, String>) -> Self {
        match found {
            Ok(detail) => Check::new(check, Outcome::Ok, detail),
            Err(detail) => Check::new(check, Outcome::Failed, detail),
        }
    }

    /// A check about something that is not in the image.
    pub fn not_locked(check: CheckName, what: &str) -> Self {
        Check::new(check, Outcome::NotLocked, format!("{what} is not in the image's lock"))
    }

    /// It could not be made.
    pub fn skipped(check: CheckName, why: impl Into<String>) -> Self {
        Check::new(check, Outcome::Skipped, why)
    }

    /// With the time it took.
    pub fn after(self, seconds: f64) -> Self {
        Check { seconds, ..self }
    }

    /// The last lines of a container, kept where the check failed.
    pub fn with_log(self, log: impl Into<String>) -> Self {
        let log = Some(log.into()).filter(|log| !log.is_empty());
        Check { log: log.filter(|_| self.result == Outcome::Failed), ..self }
    }
}

impl Tally {
    /// Of all checks.
    pub fn of(reports: &[ImageReport]) -> Self {
        let count = |outcome| {
            let checks = reports.iter().flat_map(|report| &report.checks);
            checks.filter(|check| check.result == outcome).count()
        };
        Tally {
            ok: count(Outcome::Ok),
            failed: count(Outcome::Failed),
            skipped: count(Outcome::Skipped),
            not_locked: count(Outcome::NotLocked),
        }
    }

    /// The code the process ends with: other content than the lock's takes precedence.
    pub fn exit(reports: &[ImageReport]) -> Exit {
        let failed = reports.iter().flat_map(|report| &report.checks);
        let failed = failed.filter(|check| check.result == Outcome::Failed);
        let codes: Vec<Exit> = failed.map(|check| check.check.exit()).collect();
        let order = [Exit::Integrity, Exit::Registry, Exit::Failed];
        order.into_iter().find(|code| codes.contains(code)).unwrap_or(Exit::Ok)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { ok, failed, skipped, not_locked } = self;
        write!(f, "{ok} ok, {failed} failed, {skipped} skipped, {not_locked} not in the lock")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "skipped",
            Outcome::NotLocked => "-",
        })
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::digest::Digest;

    pub(in super::super) fn report(checks: Vec<Check>) -> ImageReport {
        let image = format!("localhost:5000/team/ray-runtime@{}", Digest::of("x"));
        ImageReport {
            image: image.parse().unwrap(),
            name: "ray-runtime".to_owned(),
            lock: Some(Sha256::of("lock")),
            checks,
        }
    }

    #[test]
    fn other_content_counts_before_an_image_that_does_not_work() {
        let with = |checks: &[(CheckName, Outcome)]| {
            let checks = checks.iter().map(|(check, result)| Check::new(*check, *result, ""));
            Tally::exit(&[report(checks.collect())])
        };
        use CheckName::{Marimo, Packages, Pull, Ray};
        assert_eq!(with(&[(Ray, Outcome::Ok), (Marimo, Outcome::Skipped)]), Exit::Ok);
        assert_eq!(with(&[(Ray, Outcome::NotLocked)]), Exit::Ok);
        assert_eq!(with(&[(Marimo, Outcome::Failed)]), Exit::Failed);
        assert_eq!(with(&[(Marimo, Outcome::Failed), (Pull, Outcome::Failed)]), Exit::Registry);
        assert_eq!(
            with(&[(Marimo, Outcome::Failed), (Packages, Outcome::Failed)]),
            Exit::Integrity
        );
    }

    #[test]
    fn names_are_the_same_everywhere() {
        for name in <CheckName as clap::ValueEnum>::value_variants() {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
            let option = clap::ValueEnum::to_possible_value(name).unwrap();
            assert_eq!(option.get_name(), name.as_str());
        }
    }
}
