//! `Published`: the release is recorded in the registry and in the project, and the files name its images.

use std::fmt;

use super::images::Images;
use super::means::Means;
use super::page;
use super::prepared::Prepared;
use super::verified::Verified;
use crate::commands::{Context, after};
use crate::exit::Failure;
use crate::release::{self, ProjectLock, Publication, Record};
use crate::reports::{self, Version};
use crate::retention;
use crate::spec::Records;

#[derive(Debug)]
pub(super) struct Published<'a> {
    pub verified: Verified<'a>,
    /// What was written; `None`: nothing was to be released.
    pub released: Option<release::Published>,
}

impl<'a> Verified<'a> {
    /// With `--push` the release, all of it or nothing; without, only the lock's layers.
    ///
    /// # Errors
    /// The lock changed during the build, or the release is refused.
    pub async fn publish(self, means: &Means) -> Result<Published<'a>, Failure> {
        let built = &self.attested.built;
        let Prepared { args, context, lock_name, lock_text, .. } = built.planned.prepared;
        let project = context.lock_project()?;
        // A lock that was resolved during the build is not overwritten with the one that was built.
        let now = fs_err::read(context.path(lock_name)).ok();
        if built.pins_layers && now.as_deref() != Some(lock_text.as_bytes()) {
            return Err(release::Error::ChangedDuringBuild { path: lock_name.clone() }.into());
        }
        let released = match args.push {
            true => Some(self.release(&project, means).await?),
            false => None,
        };
        let is_written = released.as_ref().is_some_and(|released| released.record.is_some());
        if !is_written && built.lock_text != *lock_text {
            context.write(&context.path(lock_name), &built.lock_text)?;
        }
        Ok(Published { verified: self, released })
    }

    /// Records the release in the registry, then in the files; then repairs the tags of older ones.
    async fn release(
        &self,
        project: &ProjectLock,
        means: &Means,
    ) -> Result<release::Published, Failure> {
        let built = &self.attested.built;
        let prepared = built.planned.prepared;
        let none = Default::default();
        let publication = Publication {
            config: prepared.config(),
            files: built.planned.change.as_ref().map_or(&none, |change| &change.files),
            images: &built.images,
            lock_text: &built.lock_text,
            lock_file: built.pins_layers.then_some(&prepared.lock_name),
            engine: built.engine,
        };
        let mut draft =
            release::draft(project, &publication).map_err(release::Error::after_push)?;
        let fresh = built.images.keys().cloned().collect();
        let lock = Some(built.lock_text.as_bytes());
        draft.not_kept(self.attested.not_kept.clone());
        let records = prepared.spec.release.records;
        let required = records == Records::Required;
        let mut warnings = match records {
            Records::None => vec![],
            _ => {
                retention::publish_record(&means.registry, &mut draft, lock, &fresh, required)
                    .await?
            }
        };
        let history = draft.history().clone();
        let published = draft.write(project).map_err(release::Error::after_push)?;
        if published.record.is_some() && records != Records::None {
            let none = Default::default();
            let count = prepared.spec.release.keep.get();
            let retention = retention::Retention::of(&history, count, &none);
            let lock = |record: &Record| release::find_lock(project.folder(), record.lock?).ok();
            warnings
                .extend(retention::repair_tags(&means.registry, &history, &retention, lock).await);
        }
        warnings.iter().for_each(|warning| prepared.context.ui.warn(warning));
        means.report_warnings(prepared.context);
        Ok(published)
    }
}

impl Published<'_> {
    /// The record of the release; `None`: there is no new one.
    pub fn record(&self) -> Option<&Record> {
        self.released.as_ref()?.record.as_ref()
    }

    /// The images, all of them in the registry.
    pub fn images(&self) -> &Images {
        &self.verified.attested.built.images
    }

    pub fn prepared(&self) -> &Prepared<'_> {
        self.verified.attested.built.planned.prepared
    }

    /// Reports the end of the build.
    pub fn report(&self) {
        let Prepared { context, lock, .. } = self.prepared();
        let images = self.images();
        context.ui.note(self.to_string());
        let plan = &self.verified.attested.built.planned.plan;
        page::published(self.prepared(), plan, images, self.released.as_ref());
        let diff = self.released.as_ref().map(|released| released.diff.as_str());
        let report = reports::Build::Pushed {
            version: Version,
            images,
            release: self.record().map(|record| record.number),
            lock: plan.lock_sha256,
            packages: lock.packages.len(),
            diff,
        };
        context.result(&report, || {
            let images: String = images.values().map(|image| format!("{image}\n")).collect();
            images + diff.unwrap_or_default()
        });
    }

    /// Runs the command that follows a release, which may be another envlock.
    pub async fn run_after(&self) -> Result<(), Failure> {
        let Prepared { context, spec, args, .. } = self.prepared();
        if self.released.is_none() {
            return Ok(());
        }
        let (then, after) = (args.then.as_deref(), spec.release.after.as_deref());
        if let Some(command) = after::command(then, after, self.record().is_some()) {
            let (_, history) = release::read_history(&context.folder)?;
            after::run(context, command, history.current()?.release).await?;
        }
        Ok(())
    }
}

impl fmt::Display for Published<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prepared { args, context, .. } = self.prepared();
        let (names, verb) = named_files(self.prepared(), context);
        match (&self.released, self.record()) {
            (None, _) => f.write_str("nothing was released: that needs --push"),
            (Some(_), Some(record)) if args.no_config => {
                let number = record.number;
                write!(f, "recorded as release {number}; no file was changed (--no-config)")
            }
            (Some(_), Some(record)) => {
                write!(f, "{names} {verb} these images; recorded as release {}", record.number)
            }
            (Some(_), None) if args.no_config => {
                f.write_str("nothing changed: the last release has these images already")
            }
            (Some(_), None) => {
                write!(f, "nothing changed: {names} and the last release name these images already")
            }
        }
    }
}

/// The files that name images, as a phrase, and the verb for it.
fn named_files(prepared: &Prepared<'_>, context: &Context) -> (String, &'static str) {
    let files = prepared.spec.config.files().into_iter();
    let names: Vec<_> =
        files.filter(|file| context.path(file).exists()).map(|file| file.as_str()).collect();
    (names.join(" and "), if names.len() == 1 { "names" } else { "name" })
}
