//! Finds what is old, and the places to look for it.

use crate::cli::Prune;
use crate::commands::{Context, embedded, kept};
use crate::exit::Failure;
use crate::image::Repository;
use crate::registry::Client;
use crate::release::{self, ProjectLock};
use crate::retention::Retention;

pub(super) struct Gathered {
    pub project: ProjectLock,
    pub client: Client,
    /// What is old by the history, wherever it is.
    pub retention: Retention,
    /// The numbers of the history's releases.
    pub known: Vec<u64>,
}

impl Gathered {
    /// `None`: nothing was released here.
    ///
    /// # Errors
    /// A history, or a file with roles, that cannot be read.
    pub fn read(args: &Prune, context: &Context) -> Result<Option<Self>, Failure> {
        let spec = context.spec()?;
        let project = context.lock_project()?;
        let (_, history) = release::read_history(&context.folder)?;
        if let Some(torn) = history.torn {
            return Err(release::Error::TornLine { line: torn.line, text: torn.text }.into());
        }
        if history.records.is_empty() {
            return Ok(None);
        }
        let keep = args.keep.unwrap_or(spec.release.keep).get();
        let mentioned = kept::mentioned(context, &spec, &history)?;
        let retention = Retention::of(&history, keep, &mentioned);
        let known = history.records.iter().map(|record| record.number).collect();
        let client = context.registry(&spec, args.insecure)?;
        Ok(Some(Gathered { project, client, retention, known }))
    }

    /// What is old in the searched places: the user's own registry, and with `everywhere` all others.
    pub fn decide(&self, everywhere: bool, context: &Context) -> Retention {
        let mut looked = self.retention.clone();
        looked.old.retain(|place, _| everywhere || is_here(place, context));
        looked
    }

    /// How many repositories are somewhere else than in the user's own registry.
    pub fn elsewhere(&self, context: &Context) -> usize {
        self.retention.old.keys().filter(|place| !is_here(place, context)).count()
    }
}

/// Whether the place is in the user's own registry.
pub(super) fn is_here(place: &Repository, context: &Context) -> bool {
    embedded::is_own(context, &place.registry)
}
