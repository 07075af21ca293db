//! Removes what is old from registries and from the project folder, and what nothing refers to from the user's own layout.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::gather::{Gathered, is_here};
use super::line::line;
use crate::cli::Prune;
use crate::commands::{Context, embedded};
use crate::exit::Failure;
use crate::image::Repository;
use crate::registry::embedded::{Report, listen, project_name, server};
use crate::release;
use crate::retention::{self, Removal, Retention};

/// A running push may not have sent its manifest yet: blobs younger than this stay in the user's own registry.
const GRACE: Duration = Duration::from_secs(3600);

/// What was removed; in a dry run, what would be.
#[derive(Debug)]
pub(super) struct Swept {
    pub gone: Gone,
    /// Copies of locks.
    pub locks: u64,
    /// Bytes that were freed in the user's own registry; `None`: it was not searched.
    pub freed: Option<u64>,
}

/// Removed manifests and tags.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub removed: BTreeSet<(Repository, Removal)>,
    /// Registry → its answer.
    pub refused: BTreeMap<String, String>,
    /// Tags of no release of this history.
    pub foreign: BTreeSet<String>,
}

pub(super) struct Sweeping<'a> {
    pub args: &'a Prune,
    pub context: &'a Context,
    pub gathered: &'a Gathered,
}

impl Sweeping<'_> {
    /// Removes what is old in the searched places.
    ///
    /// # Errors
    /// A registry does not answer, or the disk fails; a refusal of a registry is not an error.
    pub async fn all(&self, old: &Retention) -> Result<Swept, Failure> {
        let Gathered { project, retention, .. } = self.gathered;
        let mut gone = Gone::default();
        self.old_layout(old, &mut gone).await?;
        let hosts = retention.old.keys().map(|place| place.registry.as_str());
        let serving = embedded::hold_for(self.context, hosts).await?;
        self.sweep(old, Clone::clone, &mut gone).await?;
        drop(serving);
        for tag in &gone.foreign {
            self.context.ui.note(format!("{tag} is of no release of this history: it stays"));
        }
        let locks = release::retain_locks(project.folder(), &retention.locks, self.args.dry_run)?;
        let freed = if self.args.dry_run { None } else { free(self.context, retention)? };
        Ok(Swept { gone, locks, freed })
    }

    /// Removes what is old from these places; `shown` names a place in messages.
    async fn sweep(
        &self,
        old: &Retention,
        shown: impl Fn(&Repository) -> Repository,
        gone: &mut Gone,
    ) -> Result<(), retention::Error> {
        let (plan, foreign) =
            retention::plan(&self.gathered.client, old, &self.gathered.known).await?;
        gone.foreign.extend(foreign);
        for (place, removals) in &plan {
            let name = shown(place);
            if self.args.dry_run {
                gone.removed.extend(removals.iter().map(|r| (name.clone(), r.clone())));
                continue;
            }
            let swept = retention::collect(&self.gathered.client, place, removals).await?;
            gone.removed.extend(swept.removed.into_iter().map(|r| (name.clone(), r)));
            for (removal, said) in swept.refused {
                let said_of = line(&name, &removal);
                self.context.ui.warn(format!("{said_of} stays: {said}"));
                gone.refused.entry(name.registry.clone()).or_insert(said);
            }
        }
        Ok(())
    }

    /// The same in the layout that an earlier version kept in the project folder, which the user's registry only
    /// reads: it is served just for this.
    async fn old_layout(&self, looked: &Retention, gone: &mut Gone) -> Result<(), Failure> {
        let Some(layout) = embedded::old_layout(self.context) else { return Ok(()) };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), false).await?;
        let running = server(layout, Report::Server).start(listener)?;
        let at = running.address().to_string();
        let own = |place: &&Repository| is_here(place, self.context);
        let mut places: BTreeMap<Repository, Repository> = BTreeMap::new();
        let mut old = Retention { old: BTreeMap::new(), ..looked.clone() };
        for (place, images) in looked.old.iter().filter(|(place, _)| own(place)) {
            let there = Repository { registry: at.clone(), name: place.name.clone() };
            old.old.insert(there.clone(), images.clone());
            places.insert(there, place.clone());
        }
        let mut foreign = std::mem::take(&mut gone.foreign);
        let swept = self.sweep(&old, |place| places[place].clone(), gone).await;
        // They are reported again by the registry that serves them all.
        std::mem::swap(&mut gone.foreign, &mut foreign);
        running.stop().await;
        Ok(swept?)
    }
}

/// Removes what nothing refers to from the project's part of the user's registry, and from the layout that an earlier
/// version kept in the project folder. Returns the bytes freed; `None`: there is neither.
fn free(context: &Context, retention: &Retention) -> Result<Option<u64>, Failure> {
    let mut freed = None;
    if embedded::has_images(context) {
        let layout = embedded::layout(context)?;
        let prefix = project_name(&context.folder);
        freed = Some(layout.prune(Some(&prefix), &retention.protected, GRACE)?.bytes);
    }
    if let Some(layout) = embedded::old_layout(context) {
        let bytes = layout.prune(None, &retention.protected, GRACE)?.bytes;
        freed = Some(freed.unwrap_or(0) + bytes);
    }
    Ok(freed)
}
