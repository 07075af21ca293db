//! What a release changes in the files that name images, known before anything is made.

use super::engine::Engine;
use super::images::{Images, pinned};
use super::prepared::Prepared;
use crate::config;
use crate::digest::Digest;
use crate::exit::Failure;
use crate::image::{ImagePlan, Plan};
use crate::release::{self, Publication};

/// An upper bound of the bytes that a build adds to its lock.
const LAYERS: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Change {
    /// The files, read once: the plan, the checks and the edits all use these bytes.
    pub files: config::Files,
    /// The change as a unified diff, with placeholders for the digests.
    pub diff: String,
}

impl Change {
    /// The change as text. Warns of what will not work after it.
    pub fn preview(prepared: &Prepared<'_>, plan: &Plan) -> Result<Self, Failure> {
        let files = release::config_files(&prepared.context.folder, prepared.config())?;
        warn_of_builds(prepared, &files)?;
        let images = placeholders(plan);
        let publication = Publication {
            config: prepared.config(),
            files: &files,
            images: &images,
            lock_text: &prepared.lock_text,
            lock_file: None,
            engine: "none",
        };
        let diff = without_placeholders(release::preview(&publication)?, &images);
        Ok(Change { files, diff })
    }

    /// As [`Change::preview`], and rehearses everything that the release will do except the change itself.
    ///
    /// # Errors
    /// The lock changed since it was read, or the release would be refused.
    pub fn rehearse(
        prepared: &Prepared<'_>,
        plan: &Plan,
        engine: &dyn Engine,
    ) -> Result<Self, Failure> {
        let project = prepared.context.lock_project()?;
        let grows = engine.pins_layers().then_some(prepared.lock_name.as_path());
        if let Some(lock) = grows {
            let now = fs_err::read(project.folder().join(lock)).ok();
            if now.as_deref() != Some(prepared.lock_text.as_bytes()) {
                return Err(release::Error::ChangedMeanwhile { path: lock.to_owned() }.into());
            }
        }
        let files = release::config_files(project.folder(), prepared.config())?;
        warn_of_builds(prepared, &files)?;
        let images = placeholders(plan);
        let lock_text = match grows {
            Some(_) => format!("{}{}", prepared.lock_text, "\n".repeat(LAYERS)),
            None => prepared.lock_text.clone(),
        };
        let publication = Publication {
            config: prepared.config(),
            files: &files,
            images: &images,
            lock_text: &lock_text,
            lock_file: grows,
            engine: engine.name(),
        };
        let diff = release::rehearse(project.folder(), &publication)?;
        let diff = without_placeholders(diff, &images);
        Ok(Change { files, diff })
    }
}

fn warn_of_builds(prepared: &Prepared<'_>, files: &config::Files) -> Result<(), Failure> {
    let Some(config) = prepared.config() else { return Ok(()) };
    for role in config::current(files, config)? {
        for path in role.composed() {
            let (file, place) = (&role.file, &role.path);
            prepared.context.ui.warn(format!(
                "{file}: {place} will be an image by digest, and {path} is beside it: `docker compose build` and \
                 `up --build` refuse that; take {path} out, into a compose file that is used for building alone"
            ));
        }
    }
    Ok(())
}

/// The images, with a digest that none of them will have.
fn placeholders(plan: &Plan) -> Images {
    let unknown = |i: &ImagePlan| (i.name.clone(), Digest::of(i.name.as_str()));
    pinned(plan, &plan.images.iter().map(unknown).collect())
}

fn without_placeholders(diff: String, images: &Images) -> String {
    images.values().fold(diff, |diff, image| {
        diff.replace(&image.digest().to_string(), "sha256:<what the build gives>")
    })
}
