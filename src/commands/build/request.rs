//! What `envlock build` is asked for, read and checked.

use camino::Utf8PathBuf;

use super::engine::Chosen;
use crate::cli::Build;
use crate::commands::embedded::{self, Serving};
use crate::commands::{Context, driver};
use crate::engine::dockerfile::Recipe;
use crate::exit::{Exit, Failure};
use crate::image::{self, Destination, Plan, Wanted};
use crate::lock::{self, Lock};
use crate::spec::{EngineChoice, Overrides, Spec};

/// What is asked for, read: nothing is made yet.
pub struct Request<'a> {
    pub args: &'a Build,
    pub spec: Spec,
    /// The lock's file, as it was named, its content and its text.
    pub lock_name: Utf8PathBuf,
    pub lock: Lock,
    pub lock_text: String,
    pub choice: EngineChoice,
    /// Where the images go, where anybody says so.
    pub stated: Option<Destination>,
    /// The user's own registry, where nobody says it.
    pub own: Option<Destination>,
    pub recipe: Recipe,
}

impl<'a> Request<'a> {
    pub async fn read(args: &'a Build, context: &Context) -> Result<Self, Failure> {
        let overrides = Overrides {
            index: args.index.clone(),
            without: args.without.clone(),
            exclude_newer: args.exclude_newer,
        };
        let spec = overrides.apply(context.spec()?)?;
        let lock_name = context.lock_name(args.lock.as_deref());
        let (lock, lock_text) = context.read_lock(&lock_name)?;
        driver::ensure(args.driver.as_ref(), lock.target.cuda_tag).await?;
        let choice = args.engine.unwrap_or(spec.build.engine);
        let destination = args.registry.as_ref().or(spec.registry.destination.as_ref());
        let stated: Option<Destination> = destination.map(|d| d.parse()).transpose()?;
        // Nothing but the layers engine fills the user's own registry by itself.
        let own: Option<Destination> = match (&stated, choice) {
            (None, EngineChoice::Auto | EngineChoice::Layers) => {
                Some(embedded::destination(context).parse()?)
            }
            _ => None,
        };
        let recipe = Recipe::of(&context.folder)?;
        Ok(Request { args, spec, lock_name, lock, lock_text, choice, stated, own, recipe })
    }

    /// What is to be made, for where it goes.
    pub fn plan(&self, destination: Option<&Destination>) -> Result<Plan, Failure> {
        let Request { lock, spec, .. } = self;
        let lock_sha256 = lock::choice_sha256(lock, &self.lock_text);
        let images = self.args.images.as_slice();
        let wanted = Wanted { lock, lock_sha256, spec, images, destination };
        Ok(image::plan(wanted, self.recipe.stages())?)
    }

    /// What cannot end well is told before minutes are spent.
    pub fn has_destination(&self) -> Result<(), Failure> {
        let nowhere = self.args.push && self.stated.is_none() && self.own.is_none();
        if nowhere { Err(self::nowhere()) } else { Ok(()) }
    }

    /// The plan for the engine that does it.
    pub fn plan_for(&self, engine: &Chosen, plan: &Plan) -> Result<Plan, Failure> {
        match engine {
            Chosen::Layers(_) => self.plan(self.stated.as_ref().or(self.own.as_ref())),
            Chosen::Dockerfile(_) if self.args.push && self.stated.is_none() => Err(nowhere()),
            Chosen::Dockerfile(_) => Ok(plan.clone()),
        }
    }

    /// The user's own registry, held while base images or the destination are in it.
    pub async fn serving(&self, context: &Context) -> Result<Vec<Serving>, Failure> {
        let base = &self.lock.base;
        let hosts = [&base.runtime, &base.devel].into_iter();
        let hosts = hosts.filter_map(|pin| pin.reference.split_once('/')).map(|(host, _)| host);
        let mut serving = embedded::hold_for(context, hosts).await?;
        if let Some(destination) = self.stated.as_ref().filter(|_| self.args.push) {
            serving.extend(embedded::hold_named(context, destination.registry()).await);
        }
        Ok(serving)
    }
}

fn nowhere() -> Failure {
    let message = "where the images go is not said: use --registry HOST[/PREFIX], or set destination under \
                   [registry] in envlock.toml (only the layers engine has a registry of its own)";
    Failure::message(Exit::Usage, message)
}
