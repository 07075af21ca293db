//! `Planned`: which images are made, where they go, and what a release of them changes. `--dry-run` shows this value.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use super::change::Change;
use super::engine::{Engine, Made};
use super::means::Means;
use super::page;
use super::prepared::Prepared;
use crate::digest::Digest;
use crate::engine::layers::Order;
use crate::exit::{Exit, Failure};
use crate::image::{self, Below, Plan};
use crate::reports::{self, Version};
use crate::spec::{EngineChoice, ImageName};

/// A plan that can be carried out as far as local files show.
#[derive(Debug)]
pub(super) struct Planned<'a> {
    pub prepared: &'a Prepared<'a>,
    /// The images, their layers, and where each goes.
    pub plan: Plan,
    /// What a release changes in files; `None`: nothing is released.
    pub change: Option<Change>,
}

impl<'a> Planned<'a> {
    /// The plan for the destination that the command line or the spec sets.
    ///
    /// # Errors
    /// An image that the Dockerfile does not make although its engine is set, an image over its budget.
    pub fn of(prepared: &'a Prepared<'a>) -> Result<Self, Failure> {
        let Prepared { args, spec, lock, choice, recipe, earlier, stated, .. } = prepared;
        let plan = prepared.plan(stated.as_ref())?;
        if *choice == EngineChoice::Dockerfile || args.prepare {
            image::dockerfile_fits(&plan, lock, spec, recipe.stages())?;
        }
        image::budget(&plan, lock, spec, |_| Below::default(), earlier.as_ref())?;
        Ok(Planned { prepared, plan, change: None })
    }

    /// Adds what a release would change, where its files are known.
    pub fn previewed(mut self) -> Result<Self, Failure> {
        let Prepared { args, spec, context, .. } = self.prepared;
        let has_config = spec.config.files().iter().any(|file| context.path(file).exists());
        let goes_somewhere = self.plan.images.iter().all(|i| i.repository.is_some());
        if args.push || goes_somewhere && has_config {
            self.change = Some(Change::preview(self.prepared, &self.plan)?);
        }
        Ok(self)
    }

    /// The plan for this engine, and with `--push` what the release will change, rehearsed.
    pub fn for_engine(self, engine: &dyn Engine) -> Result<Self, Failure> {
        let prepared = self.prepared;
        let plan = prepared.plan(engine.destination(prepared)?)?;
        let change = match prepared.args.push {
            true => Some(Change::rehearse(prepared, &plan, engine)?),
            false => None,
        };
        Ok(Planned { prepared, plan, change })
    }

    /// Whether the images go to the user's own registry because no other destination is set.
    pub fn goes_to_own_registry(&self) -> bool {
        self.prepared.stated.is_none() && self.plan.images.iter().any(|i| i.repository.is_some())
    }

    /// The input of the layers engine.
    pub fn order(&self) -> Order<'_> {
        let Prepared { lock, spec, recipe, context, earlier, released, .. } = self.prepared;
        Order {
            plan: &self.plan,
            lock,
            spec,
            stages: recipe.stages(),
            project: &context.folder,
            earlier: earlier.as_ref(),
            pushed: released,
        }
    }

    /// Makes the images, and reports them and the time it took.
    pub async fn make(&self, engine: &dyn Engine, means: &Means) -> Result<Made, Failure> {
        let context = self.prepared.context;
        let started = Instant::now();
        let made = engine.make(self.order(), means, context).await?;
        for (name, digest) in &made.digests {
            context.ui.note(format!("{name} is {digest}"));
        }
        context.ui.note(format!("built in {:.1} s", started.elapsed().as_secs_f64()));
        Ok(made)
    }

    fn diff(&self) -> &str {
        self.change.as_ref().map_or("", |change| &change.diff)
    }

    /// The end of a dry run.
    pub fn report(&self) -> Exit {
        let (ui, diff) = (&self.prepared.context.ui, self.diff());
        page::planned(self.prepared, &self.plan, diff);
        let report = reports::Build::Planned { version: Version, plan: &self.plan, config: diff };
        self.prepared.context.result(&report, || self.to_string());
        ui.note("nothing was built or written (--dry-run)");
        Exit::Ok
    }

    /// The end of a build whose images are in the local Docker.
    pub fn report_loaded(&self, digests: &BTreeMap<ImageName, Digest>) -> Exit {
        let tagged = digests.keys().map(|name| format!("{name}:{}", self.plan.tag()));
        let tagged: Vec<String> = tagged.collect();
        let report = reports::Build::Loaded { version: Version, loaded: &tagged, digests };
        self.prepared.context.result(&report, || tagged.join("\n"));
        Exit::Ok
    }
}

impl fmt::Display for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&image::show(&self.plan))?;
        match self.diff() {
            "" => Ok(()),
            diff => write!(f, "\n{diff}"),
        }
    }
}
