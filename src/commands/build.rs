//! `envlock build`: lock → images; with `--push` to the registry by digest, then config.yaml and the release
//! record, both or neither.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::{Context, driver};
use crate::cli::Build;
use crate::digest::{Digest, Sha256};
use crate::engine::dockerfile::{Engine, Recipe};
use crate::engine::gather;
use crate::exit::{CommandResult, Exit, Failure};
use crate::image::{self, Destination, Plan, Use, Wanted};
use crate::lock::Lock;
use crate::reference::PinnedReference;
use crate::registry;
use crate::release::{self, Publication, Published};
use crate::spec::{ImageName, Overrides, Spec};

/// The engine's name in release records.
const ENGINE: &str = "dockerfile";

type Images = BTreeMap<ImageName, PinnedReference>;

/// Runs `envlock build`.
pub async fn run(args: Build, context: &Context) -> CommandResult {
    let overrides = Overrides {
        index: args.index.clone(),
        without: args.without.clone(),
        exclude_newer: args.exclude_newer,
    };
    let spec = overrides.apply(context.spec()?)?;
    let (lock, lock_text) = context.read_lock(&context.lock_name(args.lock.as_deref()))?;
    driver::ensure(args.driver.as_ref(), lock.target.cuda_tag).await?;
    let destination = args.registry.as_ref().or(spec.registry.destination.as_ref());
    let destination: Option<Destination> = destination.map(|d| d.parse()).transpose()?;
    let recipe = Recipe::of(&context.folder)?;
    let wanted = Wanted {
        lock: &lock,
        lock_sha256: Sha256::of(&lock_text),
        spec: &spec,
        images: &args.images,
        destination: destination.as_ref(),
    };
    let plan = image::plan(wanted, recipe.stages())?;
    let job =
        Job { args: &args, spec: &spec, lock: &lock, lock_text: &lock_text, plan: &plan, context };
    if args.dry_run {
        return job.show();
    }
    let client = context.client()?;
    let waiting = || context.ui.note("waiting for another build in this project");
    let _building = release::hold_build(&context.folder, waiting)?;
    if args.prepare {
        let files = gather(&plan, &lock, &spec, &client, &context.folder, &context.ui).await?;
        let lines = recipe.prepare(&context.folder, &plan, &files)?;
        if context.ui.wants_json() {
            context.ui.json(&json!({ "version": 1, "commands": lines }));
        } else {
            context.ui.result(lines.join("\n"));
        }
        return Ok(Exit::Ok);
    }
    let insecure = args.insecure || spec.registry.insecure;
    let r#use = if args.push { Use::Push { insecure } } else { Use::Load };
    // What cannot end well is told before minutes are spent: no registry, no engine, a config.yaml that refuses.
    if args.push && destination.is_none() {
        let message = "where the images go is not said: use --registry HOST[/PREFIX], or set destination under \
                       [registry] in envlock.toml";
        return Err(Failure::message(Exit::Usage, message));
    }
    let engine = Engine::find(args.builder.as_deref(), recipe, r#use).await?;
    if job.publishes() {
        job.preview()?;
    }
    let files = gather(&plan, &lock, &spec, &client, &context.folder, &context.ui).await?;
    let started = Instant::now();
    let digests = engine.build(&context.folder, &plan, &files, &context.ui).await?;
    for (name, digest) in &digests {
        context.ui.note(format!("{name} is {digest}"));
    }
    context.ui.note(format!("built in {:.1} s", started.elapsed().as_secs_f64()));
    if !args.push {
        return Ok(job.loaded(&digests));
    }
    let images = job.pinned(&digests);
    let registry = registry::Client::new(client, &spec.registry, insecure);
    for reference in images.values() {
        let image = registry.read_back(reference).await?;
        let size = indicatif::HumanBytes(image.size());
        context.ui.note(format!("{reference} is there, whole: {size}"));
    }
    if !job.publishes() {
        return Ok(job.report(&images, None));
    }
    let project = context.lock_project()?;
    let published = release::publish(&project, &job.publication(&images))?;
    Ok(job.report(&images, Some(&published)))
}

/// What the steps share.
struct Job<'a> {
    args: &'a Build,
    spec: &'a Spec,
    lock: &'a Lock,
    lock_text: &'a str,
    plan: &'a Plan,
    context: &'a Context,
}

impl Job<'_> {
    fn publishes(&self) -> bool {
        self.args.push && !self.args.no_config
    }

    fn publication<'b>(&'b self, images: &'b Images) -> Publication<'b> {
        let config = &self.spec.config;
        Publication { config, images, lock_text: self.lock_text, engine: ENGINE }
    }

    fn pinned(&self, digests: &BTreeMap<ImageName, Digest>) -> Images {
        let pinned = |image: &image::ImagePlan| {
            let reference = image.repository.as_ref()?.pinned(*digests.get(&image.name)?);
            Some((image.name.clone(), reference))
        };
        self.plan.images.iter().filter_map(pinned).collect()
    }

    /// The change to config.yaml, with words where the digests will be.
    fn preview(&self) -> Result<String, Failure> {
        let unknown = |i: &image::ImagePlan| (i.name.clone(), Digest::of(i.name.as_str()));
        let digests: BTreeMap<_, _> = self.plan.images.iter().map(unknown).collect();
        let diff =
            release::preview(&self.context.folder, &self.publication(&self.pinned(&digests)))?;
        Ok(digests.values().fold(diff, |diff, digest| {
            diff.replace(&digest.to_string(), "sha256:<what the build gives>")
        }))
    }

    fn show(&self) -> CommandResult {
        let has_config = self.context.path(&self.spec.config.path).exists();
        let goes_somewhere = self.plan.images.iter().all(|i| i.repository.is_some());
        let diff = match self.publishes() || goes_somewhere && has_config && !self.args.no_config {
            true => self.preview()?,
            false => String::new(),
        };
        if self.context.ui.wants_json() {
            self.context.ui.json(&json!({ "version": 1, "plan": self.plan, "config": diff }));
        } else {
            let text = image::show(self.plan);
            let end = if diff.is_empty() { String::new() } else { format!("\n{diff}") };
            self.context.ui.result(text + &end);
        }
        self.context.ui.note("nothing was built or written (--dry-run)");
        Ok(Exit::Ok)
    }

    /// The images are in the local Docker.
    fn loaded(&self, digests: &BTreeMap<ImageName, Digest>) -> Exit {
        let tagged = digests.keys().map(|name| format!("{name}:{}", self.plan.tag()));
        let tagged: Vec<String> = tagged.collect();
        if self.context.ui.wants_json() {
            self.context.ui.json(&json!({ "version": 1, "loaded": tagged, "digests": digests }));
        } else {
            self.context.ui.result(tagged.join("\n"));
        }
        Exit::Ok
    }

    /// The images are in the registry, and config.yaml names them unless `published` is `None`.
    fn report(&self, images: &Images, published: Option<&Published>) -> Exit {
        let file = &self.spec.config.path;
        let record = published.and_then(|p| p.record.as_ref());
        self.context.ui.note(match (published, record) {
            (None, _) => format!("{file} is left alone (--no-config)"),
            (_, Some(record)) => {
                format!("{file} names these images; recorded as release {}", record.number)
            }
            (_, None) => {
                format!("nothing changed: {file} and the last release name these images already")
            }
        });
        if self.context.ui.wants_json() {
            self.context.ui.json(&json!({
                "version": 1,
                "images": images,
                "release": record.map(|r| r.number),
                "lock": self.plan.lock_sha256,
                "packages": self.lock.packages.len(),
                "diff": published.map(|p| &p.diff),
            }));
        } else {
            let images: String = images.values().map(|image| format!("{image}\n")).collect();
            let diff = published.map(|p| p.diff.as_str()).unwrap_or_default();
            self.context.ui.result(images + diff);
        }
        Exit::Ok
    }
}
