//! `Prepared`: the input of `envlock build`, read and checked. Nothing is made yet.

use std::collections::BTreeSet;
use std::fmt;

use camino::Utf8PathBuf;

use crate::cli::Build;
use crate::commands::embedded::{self, Serving};
use crate::commands::{Context, driver};
use crate::engine::dockerfile::Recipe;
use crate::exit::{Exit, Failure};
use crate::image::{self, Destination, Plan, PlanRequest};
use crate::lock::{self, Lock};
use crate::reference::PinnedReference;
use crate::release::{self, History};
use crate::spec::{ConfigSpec, EngineChoice, Overrides, Spec};

/// The input of a build.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub args: &'a Build,
    pub context: &'a Context,
    pub spec: Spec,
    /// The lock's file, as it was named, its content and its text.
    pub lock_name: Utf8PathBuf,
    pub lock: Lock,
    pub lock_text: String,
    pub choice: EngineChoice,
    /// The destination that the command line or the spec sets.
    pub stated: Option<Destination>,
    /// The user's own registry, where no destination is set.
    pub own: Option<Destination>,
    pub recipe: Recipe,
    /// The lock of the previous release, to report what grew; `None` also where it cannot be read.
    pub earlier: Option<Lock>,
    /// Images of earlier releases, newest first, one of each repository.
    pub released: Vec<PinnedReference>,
}

impl<'a> Prepared<'a> {
    /// Reads envlock.toml, the lock, the Dockerfile and the history.
    ///
    /// # Errors
    /// One of them cannot be read, or the driver is too old for the lock.
    pub async fn read(args: &'a Build, context: &'a Context) -> Result<Self, Failure> {
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
        // Only the layers engine fills the user's own registry by default.
        let own: Option<Destination> = match (&stated, choice) {
            (None, EngineChoice::Auto | EngineChoice::Layers) => {
                Some(embedded::destination(context).parse()?)
            }
            _ => None,
        };
        let recipe = Recipe::of(&context.folder)?;
        let history = release::read_history(&context.folder).map(|(_, history)| history).ok();
        let earlier = history.as_ref().and_then(|history| earlier_lock(context, history));
        let released = history.map(released).unwrap_or_default();
        Ok(Prepared {
            args,
            context,
            spec,
            lock_name,
            lock,
            lock_text,
            choice,
            stated,
            own,
            recipe,
            earlier,
            released,
        })
    }

    /// The images to make, for this destination.
    pub fn plan(&self, destination: Option<&Destination>) -> Result<Plan, Failure> {
        let Prepared { lock, spec, .. } = self;
        let lock_sha256 = lock::choice_sha256(lock, &self.lock_text);
        let images = self.args.images.as_slice();
        let request = PlanRequest { lock, lock_sha256, spec, images, destination };
        Ok(image::plan(request, self.recipe.stages())?)
    }

    /// Whether plain http is allowed beyond loopback.
    pub fn is_insecure(&self) -> bool {
        self.args.insecure || self.spec.registry.insecure
    }

    /// The files that are to name the images; `None`: none is (--no-config).
    pub fn config(&self) -> Option<&ConfigSpec> {
        (!self.args.no_config).then_some(&self.spec.config)
    }

    /// Refuses what is bound to fail before the build takes minutes.
    pub fn has_destination(&self) -> Result<(), Failure> {
        let nowhere = self.args.push && self.stated.is_none() && self.own.is_none();
        if nowhere { Err(self::nowhere()) } else { Ok(()) }
    }

    /// Keeps the user's own registry serving where base images or the destination are in it.
    pub async fn serving(&self) -> Result<Vec<Serving>, Failure> {
        let base = &self.lock.base;
        let hosts = [&base.runtime, &base.devel].into_iter();
        let hosts = hosts.filter_map(|pin| pin.reference.split_once('/')).map(|(host, _)| host);
        let mut serving = embedded::hold_for(self.context, hosts).await?;
        if let Some(destination) = self.stated.as_ref().filter(|_| self.args.push) {
            serving.extend(embedded::hold_named(self.context, destination.registry()).await);
        }
        Ok(serving)
    }
}

impl fmt::Display for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prepared { lock_name, lock, choice, .. } = self;
        write!(f, "prepared: {lock_name}, {} packages; engine: {choice:?}", lock.packages.len())
    }
}

/// Images are to be pushed, and no destination is set.
pub(super) fn nowhere() -> Failure {
    let message = "where the images go is not said: use --registry HOST[/PREFIX], or set destination under \
                   [registry] in envlock.toml (only the layers engine has a registry of its own)";
    Failure::message(Exit::Usage, message)
}

fn earlier_lock(context: &Context, history: &History) -> Option<Lock> {
    let sha256 = history.current().ok()?.lock?;
    let bytes = release::find_lock(&context.folder, sha256).ok()?;
    lock::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

fn released(history: History) -> Vec<PinnedReference> {
    let mut seen = BTreeSet::new();
    let newest_first = history.records.into_iter().rev();
    let images = newest_first.flat_map(|record| record.images.into_values());
    images.filter(|i| seen.insert((i.registry().to_owned(), i.repository().to_owned()))).collect()
}
