//! The checks of one image that do not need another one.

use super::checks::{self, Check, CheckName, Expected, Facts, Measured};
use super::probe::{self, Silence};
use super::sandbox::{Manner, Sandbox};
use super::{Error, Selection, Target, gpu, notebook};

/// An image that was pulled, and its facts so far.
pub(super) struct Known<'a> {
    pub index: usize,
    pub target: &'a Target,
    pub expected: &'a Expected,
    pub facts: Option<Facts>,
    pub checks: Vec<Check>,
}

impl Known<'_> {
    /// The checks that need one short container, or only the engine.
    pub async fn look(&mut self, sandbox: &Sandbox, selection: &Selection) -> Result<(), Error> {
        let (target, expected) = (self.target, self.expected);
        if selection.wants(CheckName::Size) {
            let measured = Measured {
                unpacked: sandbox.runtime().unpacked(&target.image).await?,
                compressed: target.compressed(),
                listed: sandbox.runtime().listed(&target.image).await?,
            };
            let engine = sandbox.runtime().program();
            self.checks.push(checks::size(engine, expected, &measured));
        }
        use CheckName::*;
        let computed = [Imports, Torch, ArchList, Pyg];
        let seen = [Python, Packages, Files, User, Layout];
        // Ray's client needs both sides' versions before it connects.
        let is_selected =
            seen.iter().chain(&computed).chain(&[Client]).any(|check| selection.wants(*check));
        if !is_selected {
            return Ok(());
        }
        let mut words = vec!["facts"];
        if computed.iter().any(|check| selection.wants(*check)) {
            words.extend(expected.modules());
        }
        let (what, image) = (format!("facts-{}", self.index), &target.image);
        let found = probe::alone::<Facts>(sandbox, &what, image, &words, Manner::default()).await?;
        match found {
            Ok(facts) => {
                self.checks.extend([
                    checks::python(expected, &facts),
                    checks::packages(expected, &facts),
                    checks::files(&facts),
                    checks::user(&target.user, &facts),
                    checks::layout(&facts),
                    checks::imports(expected, &facts),
                    checks::torch(expected, &facts),
                    checks::arch_list(expected, &facts),
                    checks::pyg(expected, &facts),
                ]);
                self.facts = Some(facts);
            }
            Err(Silence { why, log }) => {
                let why = format!("a container of it gives no report: {why}");
                self.checks.push(Check::of(Python, Err(why)).with_log(log));
                let rest = seen.into_iter().chain(computed).filter(|check| *check != Python);
                let skipped = |check| Check::skipped(check, "the container gave no report");
                self.checks.extend(rest.map(skipped));
            }
        }
        Ok(())
    }

    /// The checks that start something else than Ray.
    pub async fn start(
        &self,
        sandbox: &Sandbox,
        selection: &Selection,
    ) -> Result<Vec<(usize, Check)>, Error> {
        let mut checks = Vec::new();
        let image = &self.target.image;
        if selection.wants(CheckName::Marimo) {
            checks.push(match self.expected.has("marimo") {
                true => notebook::serves(sandbox, &format!("marimo-{}", self.index), image).await?,
                false => Check::not_locked(CheckName::Marimo, "marimo"),
            });
        }
        if selection.wants(CheckName::Gpu) {
            let what = format!("gpu-{}", self.index);
            checks.push(gpu::computes(sandbox, &what, image, self.expected).await?);
        }
        Ok(checks.into_iter().map(|check| (self.index, check)).collect())
    }
}
