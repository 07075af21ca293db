//! One image that the engine has: what is seen in it and of it, and what is started of it alone.

use super::judge::{self, Check, CheckName, Expected, Facts, Measured};
use super::probe::{self, Silence};
use super::sandbox::{Manner, Sandbox};
use super::{Error, Subject, Wish, gpu, notebook};

/// An image that is here, and what is known of it so far.
pub(super) struct Known<'a> {
    pub index: usize,
    pub subject: &'a Subject,
    pub expected: &'a Expected,
    pub facts: Option<Facts>,
    pub checks: Vec<Check>,
}

impl Known<'_> {
    /// What is seen from one short container, and from the engine.
    pub async fn look(&mut self, sandbox: &Sandbox, wish: &Wish) -> Result<(), Error> {
        let (subject, expected) = (self.subject, self.expected);
        if wish.wants(CheckName::Size) {
            let measured = Measured {
                unpacked: sandbox.runtime().unpacked(&subject.image).await?,
                compressed: subject.compressed(),
                listed: sandbox.runtime().listed(&subject.image).await?,
            };
            let engine = sandbox.runtime().program();
            self.checks.push(judge::size(engine, expected, &measured));
        }
        use CheckName::*;
        let computed = [Imports, Torch, ArchList, Pyg];
        let seen = [Python, Packages, Files, User, Layout];
        // Ray's client needs both sides' versions before it connects.
        let wanted = seen.iter().chain(&computed).chain(&[Client]).any(|check| wish.wants(*check));
        if !wanted {
            return Ok(());
        }
        let mut words = vec!["facts"];
        if computed.iter().any(|check| wish.wants(*check)) {
            words.extend(expected.modules());
        }
        let (what, image) = (format!("facts-{}", self.index), &subject.image);
        let found = probe::alone::<Facts>(sandbox, &what, image, &words, Manner::default()).await?;
        match found {
            Ok(facts) => {
                self.checks.extend([
                    judge::python(expected, &facts),
                    judge::packages(expected, &facts),
                    judge::files(&facts),
                    judge::user(&subject.user, &facts),
                    judge::layout(&facts),
                    judge::imports(expected, &facts),
                    judge::torch(expected, &facts),
                    judge::arch_list(expected, &facts),
                    judge::pyg(expected, &facts),
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

    /// What is started of it beside Ray.
    pub async fn start(
        &self,
        sandbox: &Sandbox,
        wish: &Wish,
    ) -> Result<Vec<(usize, Check)>, Error> {
        let mut checks = Vec::new();
        let image = &self.subject.image;
        if wish.wants(CheckName::Marimo) {
            checks.push(match self.expected.has("marimo") {
                true => notebook::serves(sandbox, &format!("marimo-{}", self.index), image).await?,
                false => Check::not_locked(CheckName::Marimo, "marimo"),
            });
        }
        if wish.wants(CheckName::Gpu) {
            let what = format!("gpu-{}", self.index);
            checks.push(gpu::computes(sandbox, &what, image, self.expected).await?);
        }
        Ok(checks.into_iter().map(|check| (self.index, check)).collect())
    }
}
