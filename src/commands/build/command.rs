//! `envlock build`: lock → images; with `--push` to the registry by digest, then config.yaml and the release
//! record, both or neither.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use camino::Utf8Path;
use jiff::Timestamp;

use super::engine::{Chosen, Question, choose};
use super::page;
use super::prove::{Proof, prove};
use super::request::Request;
use crate::cli::Build;
use crate::commands::verify::{Trial, before_release};
use crate::commands::{Context, after, embedded};
use crate::digest::Digest;
use crate::engine::dockerfile::Recipe;
use crate::engine::gather;
use crate::engine::layers::Order;
use crate::exit::{CommandResult, Exit, Failure};
use crate::image::{self, Below, Plan};
use crate::lock::{self, LayerPin, Lock};
use crate::proof::Cosign;
use crate::reference::PinnedReference;
use crate::release::{self, ProjectLock, Publication, Published, Record};
use crate::reports::{self, Version};
use crate::smoke::{Choice, Runtime, Wish};
use crate::spec::{BuildSpec, ConfigSpec, EngineChoice, ImageName, Records, Spec};
use crate::{config, engine, interrupt, keep, net, registry};

pub(super) type Images = BTreeMap<ImageName, PinnedReference>;

/// Runs `envlock build`.
pub async fn run(args: Build, context: &Context) -> CommandResult {
    let request = Request::read(&args, context).await?;
    let Request { spec, lock, recipe, .. } = &request;
    let plan = request.plan(request.stated.as_ref())?;
    if request.choice == EngineChoice::Dockerfile || args.prepare {
        image::dockerfile_fits(&plan, lock, spec, recipe.stages())?;
    }
    let earlier = earlier_lock(context);
    image::budget(&plan, lock, spec, |_| Below::default(), earlier.as_ref())?;
    let job = Job {
        args: &args,
        spec,
        lock,
        lock_text: &request.lock_text,
        plan: &plan,
        earlier: earlier.as_ref(),
        files: config::Files::new(),
        context,
    };
    if args.dry_run {
        return job.show();
    }
    let client = context.client(&spec.network)?;
    let _building = context.hold_build()?;
    if args.prepare {
        return job.prepare(&client, recipe).await;
    }
    build(&request, job, &client).await
}

/// From what was asked for to images, and with `--push` to the release.
async fn build(request: &Request<'_>, job: Job<'_>, client: &net::Client) -> CommandResult {
    let Request { args, spec, lock, recipe, choice, stated, .. } = request;
    let context = job.context;
    let insecure = args.insecure || spec.registry.insecure;
    let registry = registry::Client::new(client.clone(), &spec.registry, insecure);
    request.has_destination()?;
    let tools = Tools::find(args, spec, context, insecure).await?;
    let mut _serving = request.serving(context).await?;
    let pushed = pushed(context);
    let order = Order {
        plan: job.plan,
        lock,
        spec,
        stages: recipe.stages(),
        project: &context.folder,
        earlier: job.earlier,
        pushed: &pushed,
    };
    let (builder, choice) = (args.builder.as_deref(), *choice);
    let question = Question { choice, pushes: args.push, insecure, builder, recipe, order };
    let (engine, said) = choose(&question, &registry, &context.ui).await?;
    context.ui.note(said);
    warn_of_settings_without_effect(&engine, spec, context);
    let plan = request.plan_for(&engine, job.plan)?;
    let mut job = Job { plan: &plan, ..job };
    let is_layers = matches!(engine, Chosen::Layers(_));
    if args.push {
        job.rehearse(engine.name(), is_layers.then_some(request.lock_name.as_path()))?;
    }
    let (started, begun) = (Instant::now(), Timestamp::now());
    let name = engine.name();
    if stated.is_none() && is_layers {
        _serving.push(embedded::hold(context).await?);
    }
    let order = Order { plan: &plan, ..order };
    let (digests, layers) = make(engine, &order, client, &registry, context).await?;
    for (name, digest) in &digests {
        context.ui.note(format!("{name} is {digest}"));
    }
    context.ui.note(format!("built in {:.1} s", started.elapsed().as_secs_f64()));
    let with_layers = layers.map(|layers| lock::render(&Lock { layers, ..lock.clone() }));
    job.lock_text = with_layers.as_deref().unwrap_or(&request.lock_text);
    if !args.push && !is_layers {
        return Ok(job.loaded(&digests));
    }
    let images = job.pinned(&digests);
    if !is_layers {
        for reference in images.values() {
            registry.read_back(reference).await?;
        }
    }
    for reference in images.values() {
        context.ui.note(format!("{reference} is there, whole"));
    }
    tell_warnings(&registry, context);
    let made = Made { engine: name, begun, images, is_layers };
    job.finish(made, &tools, &registry, (&request.lock_name, &request.lock_text)).await
}

fn warn_of_settings_without_effect(engine: &Chosen, spec: &Spec, context: &Context) {
    let BuildSpec { engine: wished, compiler, verify, .. } = spec.build;
    let plain = BuildSpec { engine: wished, compiler, verify, ..BuildSpec::default() };
    if matches!(engine, Chosen::Dockerfile(_)) && spec.build != plain {
        context.ui.warn("build.compression and build.bytecode are for the layers engine: the Dockerfile decides here");
    }
}

/// Makes the images: each one's manifest, and the layers of wheels where this engine makes some.
async fn make(
    engine: Chosen,
    order: &Order<'_>,
    client: &net::Client,
    registry: &registry::Client,
    context: &Context,
) -> Result<(BTreeMap<ImageName, Digest>, Option<Vec<LayerPin>>), Failure> {
    let Order { plan, lock, spec, project, .. } = *order;
    match engine {
        Chosen::Dockerfile(engine) => {
            let files = gather(plan, lock, spec, client, project, &context.ui).await?;
            Ok((engine.build(project, plan, &files, &context.ui).await?, None))
        }
        Chosen::Layers(engine) => {
            let building = engine.build(order, client, registry, &context.ui);
            let built = interrupt::until(building).await;
            registry.end_abandoned().await;
            tell_warnings(registry, context);
            let built = built.ok_or(engine::Error::Interrupted)??;
            let (sent, blobs) = (indicatif::DecimalBytes(built.sent), built.blobs);
            context.ui.note(format!("{blobs} blobs sent, {sent}"));
            Ok((built.digests, Some(built.layers)))
        }
    }
}

/// Programs that a release needs; found before minutes are spent.
struct Tools {
    cosign: Option<Cosign>,
    /// Where the images are to run before anything names them.
    runtime: Option<Runtime>,
    insecure: bool,
}

impl Tools {
    async fn find(
        args: &Build,
        spec: &Spec,
        context: &Context,
        insecure: bool,
    ) -> Result<Self, Failure> {
        let cosign = match &spec.sign {
            Some(sign) if args.push => Some(Cosign::find(sign, &context.folder, insecure).await?),
            _ => None,
        };
        let verifies = args.push && !args.no_verify && (args.verify || spec.build.verify);
        let runtime = match verifies {
            true => Some(Runtime::find(Choice::Auto).await?),
            false => None,
        };
        Ok(Tools { cosign, runtime, insecure })
    }
}

/// Images that are in their registry, whole.
struct Made {
    /// The engine's name.
    engine: &'static str,
    begun: Timestamp,
    images: Images,
    is_layers: bool,
}

/// What the registries warned of.
fn tell_warnings(registry: &registry::Client, context: &Context) {
    for warning in registry.warnings() {
        context.ui.warn(warning);
    }
}

/// Images of the releases so far, newest first, one of each repository.
fn pushed(context: &Context) -> Vec<PinnedReference> {
    let records = release::read_history(&context.folder).map(|(_, history)| history.records);
    let mut seen = BTreeSet::new();
    let newest_first = records.unwrap_or_default().into_iter().rev();
    let images = newest_first.flat_map(|record| record.images.into_values());
    images.filter(|i| seen.insert((i.registry().to_owned(), i.repository().to_owned()))).collect()
}

/// The lock of the release before, to tell what grew; where it cannot be had, nothing is told.
fn earlier_lock(context: &Context) -> Option<Lock> {
    let (_, history) = release::read_history(&context.folder).ok()?;
    let sha256 = history.current().ok()?.lock?;
    let bytes = release::find_lock(&context.folder, sha256).ok()?;
    lock::parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// What the steps share.
struct Job<'a> {
    args: &'a Build,
    spec: &'a Spec,
    lock: &'a Lock,
    lock_text: &'a str,
    plan: &'a Plan,
    /// The lock of the release before.
    earlier: Option<&'a Lock>,
    /// The files that name images, read once: what is planned, checked and written is made of this.
    files: config::Files,
    context: &'a Context,
}

/// More bytes than a build adds to its lock.
const LAYERS: usize = 64 << 10;

impl Job<'_> {
    /// Lays out a build by hand.
    async fn prepare(&self, client: &net::Client, recipe: &Recipe) -> CommandResult {
        let Job { plan, lock, spec, context, .. } = *self;
        let files = gather(plan, lock, spec, client, &context.folder, &context.ui).await?;
        let lines = recipe.prepare(&context.folder, plan, &files)?;
        let report = reports::Build::Prepared { version: Version, commands: &lines };
        context.result(&report, || lines.join("\n"));
        Ok(Exit::Ok)
    }

    /// Documents beside the images, the trial, the release: what comes once they are in their registry. `before`: the
    /// lock's file and text as the build found them.
    async fn finish(
        &self,
        made: Made,
        tools: &Tools,
        registry: &registry::Client,
        before: (&Utf8Path, &str),
    ) -> CommandResult {
        let (context, images, (lock_name, lock_text)) = (self.context, &made.images, before);
        let keep_layers = || match self.lock_text == lock_text {
            true => Ok(()),
            false => context.write(&context.path(lock_name), self.lock_text),
        };
        let not_kept = self.prove(&made, tools, registry).await?;
        if let Some(runtime) = &tools.runtime {
            let (spec, client, insecure) = (self.spec, registry, tools.insecure);
            let trial =
                Trial { spec, client, insecure, lock: None, runtime, wish: Wish::default() };
            before_release(context, trial, images.values()).await?;
        }
        let project = context.lock_project()?;
        // What was resolved during the build is not written over with what was built.
        let now = fs_err::read(context.path(lock_name)).ok();
        if made.is_layers && now.as_deref() != Some(lock_text.as_bytes()) {
            return Err(release::Error::ChangedDuringBuild { path: lock_name.to_owned() }.into());
        }
        if !self.args.push {
            keep_layers()?;
            return Ok(self.report(images, None));
        }
        let mut publication = self.publication(made.engine, images);
        publication.lock_file = made.is_layers.then_some(lock_name);
        let published = self.publish(&project, &publication, registry, not_kept).await?;
        if published.record.is_none() {
            keep_layers()?;
        }
        // What runs next may be another envlock.
        drop(project);
        let done = self.report(images, Some(&published));
        let (then, after) = (self.args.then.as_deref(), self.spec.release.after.as_deref());
        if let Some(command) = after::command(then, after, published.record.is_some()) {
            let (_, history) = release::read_history(&context.folder)?;
            after::run(context, command, history.current()?.release).await?;
        }
        Ok(done)
    }

    /// Puts lock, bill of materials and provenance beside pushed images; those of which something is not kept.
    async fn prove(
        &self,
        made: &Made,
        tools: &Tools,
        registry: &registry::Client,
    ) -> Result<BTreeSet<ImageName>, Failure> {
        if !self.args.push {
            return Ok(BTreeSet::new());
        }
        let proof = Proof {
            plan: self.plan,
            spec: self.spec,
            lock: self.lock,
            lock_text: self.lock_text,
            engine: made.engine,
            started: made.begun,
            cosign: tools.cosign.as_ref(),
        };
        let not_kept = prove(&proof, &made.images, registry, self.context).await?;
        tell_warnings(registry, self.context);
        Ok(not_kept)
    }

    /// The files that are to name the images; `None`: none is (--no-config).
    fn config(&self) -> Option<&ConfigSpec> {
        (!self.args.no_config).then_some(&self.spec.config)
    }

    fn publication<'b>(&'b self, engine: &'b str, images: &'b Images) -> Publication<'b> {
        let (config, files, lock_text) = (self.config(), &self.files, self.lock_text);
        Publication { config, files, images, lock_text, lock_file: None, engine }
    }

    /// Records the release in the registry, then in the files; then sees to the older ones.
    async fn publish(
        &self,
        project: &ProjectLock,
        publication: &Publication<'_>,
        registry: &registry::Client,
        not_kept: BTreeSet<ImageName>,
    ) -> Result<Published, Failure> {
        let mut draft = release::draft(project, publication).map_err(release::Error::after_push)?;
        let fresh = publication.images.keys().cloned().collect();
        let lock = Some(publication.lock_text.as_bytes());
        draft.not_kept(not_kept);
        let records = self.spec.release.records;
        let required = records == Records::Required;
        let mut warnings = match records {
            Records::None => vec![],
            _ => keep::announce(registry, &mut draft, lock, &fresh, required).await?,
        };
        let history = draft.history().clone();
        let published = draft.write(project).map_err(release::Error::after_push)?;
        if published.record.is_some() && records != Records::None {
            let none = Default::default();
            let retention = keep::Retention::of(&history, self.spec.release.keep.get(), &none);
            let lock = |record: &Record| release::find_lock(project.folder(), record.lock?).ok();
            warnings.extend(keep::secure(registry, &history, &retention, lock).await);
        }
        warnings.iter().for_each(|warning| self.context.ui.warn(warning));
        tell_warnings(registry, self.context);
        Ok(published)
    }

    fn pinned(&self, digests: &BTreeMap<ImageName, Digest>) -> Images {
        let pinned = |image: &image::ImagePlan| {
            let reference = image.repository.as_ref()?.pinned(*digests.get(&image.name)?);
            Some((image.name.clone(), reference))
        };
        self.plan.images.iter().filter_map(pinned).collect()
    }

    /// Reads the files and does everything that [`Job::publish`] will, but for the change itself. `grows`: the lock's file,
    /// where the build adds to it.
    fn rehearse(&mut self, engine: &str, grows: Option<&Utf8Path>) -> Result<(), Failure> {
        let project = self.context.lock_project()?;
        if let Some(lock) = grows {
            let now = fs_err::read(project.folder().join(lock)).ok();
            if now.as_deref() != Some(self.lock_text.as_bytes()) {
                return Err(release::Error::ChangedMeanwhile { path: lock.to_owned() }.into());
            }
        }
        self.files = release::config_files(project.folder(), self.config())?;
        self.warn_of_builds()?;
        let images = self.placeholders();
        let lock_text = match grows {
            Some(_) => format!("{}{}", self.lock_text, "\n".repeat(LAYERS)),
            None => self.lock_text.to_owned(),
        };
        let mut publication = self.publication(engine, &images);
        (publication.lock_text, publication.lock_file) = (&lock_text, grows);
        release::rehearse(project.folder(), &publication)?;
        Ok(())
    }

    /// The change to the files, with words where the digests will be. Warns of what will not work with it.
    fn preview(&self, engine: &str) -> Result<String, Failure> {
        self.warn_of_builds()?;
        let images = self.placeholders();
        let diff = release::preview(&self.publication(engine, &images))?;
        Ok(images.values().fold(diff, |diff, image| {
            diff.replace(&image.digest().to_string(), "sha256:<what the build gives>")
        }))
    }

    fn warn_of_builds(&self) -> Result<(), Failure> {
        let Some(config) = self.config() else { return Ok(()) };
        for role in config::current(&self.files, config)? {
            for path in role.composed() {
                let (file, place) = (&role.file, &role.path);
                self.context.ui.warn(format!(
                    "{file}: {place} will be an image by digest, and {path} is beside it: `docker compose build` and \
                     `up --build` refuse that; take {path} out, into a compose file that is used for building alone"
                ));
            }
        }
        Ok(())
    }

    /// The images, with a digest that none of them will have.
    fn placeholders(&self) -> Images {
        let unknown = |i: &image::ImagePlan| (i.name.clone(), Digest::of(i.name.as_str()));
        self.pinned(&self.plan.images.iter().map(unknown).collect())
    }

    fn show(mut self) -> CommandResult {
        let files = self.spec.config.files();
        let has_config = files.iter().any(|file| self.context.path(file).exists());
        let goes_somewhere = self.plan.images.iter().all(|i| i.repository.is_some());
        let diff = match self.args.push || goes_somewhere && has_config {
            true => {
                self.files = release::config_files(&self.context.folder, self.config())?;
                self.preview("none")?
            }
            false => String::new(),
        };
        page::planned(&self.context.ui, self.plan, self.earlier, self.lock, &diff);
        let report = reports::Build::Planned { version: Version, plan: self.plan, config: &diff };
        self.context.result(&report, || {
            let end = if diff.is_empty() { String::new() } else { format!("\n{diff}") };
            image::show(self.plan) + &end
        });
        self.context.ui.note("nothing was built or written (--dry-run)");
        Ok(Exit::Ok)
    }

    /// The images are in the local Docker.
    fn loaded(&self, digests: &BTreeMap<ImageName, Digest>) -> Exit {
        let tagged = digests.keys().map(|name| format!("{name}:{}", self.plan.tag()));
        let tagged: Vec<String> = tagged.collect();
        let report = reports::Build::Loaded { version: Version, loaded: &tagged, digests };
        self.context.result(&report, || tagged.join("\n"));
        Exit::Ok
    }

    /// What became of the images, in words.
    fn outcome(&self, released: bool, record: Option<&Record>) -> String {
        let files = self.spec.config.files().into_iter();
        let files: Vec<_> = files.filter(|file| self.context.path(file).exists()).collect();
        let names: Vec<_> = files.iter().map(|f| f.as_str()).collect();
        let (names, verb) = (names.join(" and "), if names.len() == 1 { "names" } else { "name" });
        match (released, record) {
            (false, _) => "nothing was released: that takes --push".to_owned(),
            (true, Some(record)) if self.args.no_config => {
                format!("recorded as release {}; no file was changed (--no-config)", record.number)
            }
            (true, Some(record)) => {
                format!("{names} {verb} these images; recorded as release {}", record.number)
            }
            (true, None) if self.args.no_config => {
                "nothing changed: the last release has these images already".to_owned()
            }
            (true, None) => {
                format!("nothing changed: {names} and the last release name these images already")
            }
        }
    }

    /// The images are in the registry, and released unless `published` is `None`.
    fn report(&self, images: &Images, published: Option<&Published>) -> Exit {
        let record = published.and_then(|p| p.record.as_ref());
        self.context.ui.note(self.outcome(published.is_some(), record));
        let made = (self.lock, self.plan);
        page::pushed(&self.context.ui, images, self.earlier, made, published);
        let diff = published.map(|p| p.diff.as_str());
        let report = reports::Build::Pushed {
            version: Version,
            images,
            release: record.map(|r| r.number),
            lock: self.plan.lock_sha256,
            packages: self.lock.packages.len(),
            diff,
        };
        self.context.result(&report, || {
            let images: String = images.values().map(|image| format!("{image}\n")).collect();
            images + diff.unwrap_or_default()
        });
        Exit::Ok
    }
}
