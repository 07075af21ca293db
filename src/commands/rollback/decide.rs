//! Decides which release is restored, and what that changes.

use std::fmt;

use camino::Utf8Path;

use crate::cli::Rollback;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::release::{self, Error, History, Plan};

#[derive(Debug)]
pub(super) struct Decided {
    pub plan: Plan,
    /// The release's env.lock, where that is restored too.
    pub lock: Option<Vec<u8>>,
}

impl Decided {
    /// # Errors
    /// There is no such release, a file that it changed cannot be read, its lock is not kept.
    pub fn of(history: &History, args: &Rollback, context: &Context) -> Result<Self, Failure> {
        let to = args.to.as_ref().map(|requested| history.find(requested)).transpose()?;
        let plan = release::decide(history, to, |file: &Utf8Path| {
            release::read_config(&context.folder, file)
        })?;
        let lock = if args.lock { Some(old_lock(&plan, context)?) } else { None };
        Ok(Decided { plan, lock })
    }

    /// Warns of what was changed by hand since the release.
    ///
    /// # Errors
    /// Such a change would be lost, and `--force` is not set.
    pub fn refuse_changed_by_hand(
        &self,
        args: &Rollback,
        context: &Context,
    ) -> Result<(), Failure> {
        let conflicts = &self.plan.conflicts;
        for conflict in conflicts {
            context.ui.warn(format!("changed by hand: {conflict}"));
        }
        if conflicts.is_empty() || args.force || args.dry_run {
            return Ok(());
        }
        let places: Vec<_> = conflicts.iter().map(|c| c.path.to_string()).collect();
        Err(Error::ChangedByHand(places.join(", ")).into())
    }
}

fn old_lock(plan: &Plan, context: &Context) -> Result<Vec<u8>, Failure> {
    match plan.target.lock {
        Some(sha256) => Ok(release::find_lock(&context.folder, sha256)?),
        None => {
            let message = "no env.lock belongs to the state before the first release";
            Err(Failure::message(Exit::Usage, format!("{message}: leave out --lock")))
        }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { target, edits, conflicts, .. } = &self.plan;
        let (edits, conflicts) = (edits.len(), conflicts.len());
        let lock = if self.lock.is_some() { ", and its lock" } else { "" };
        let release = target.release;
        write!(f, "decided: back to release {release}{lock}; {edits} edits, {conflicts} conflicts")
    }
}
