//! Gathers what a rollback is decided on.

use crate::cli::Rollback;
use crate::commands::{Context, kept};
use crate::exit::Failure;
use crate::registry;
use crate::release::{self, History, ProjectLock};
use crate::spec::Spec;

pub(super) struct Gathered {
    pub spec: Spec,
    pub registry: registry::Client,
    /// Keeps other envlocks from writing; `None`: nothing is to be written.
    pub project: Option<ProjectLock>,
    pub history: History,
}

impl Gathered {
    /// Reads the spec and the history, with `--from-registry` that of the registry, which is restored unless nothing is
    /// to be written.
    ///
    /// # Errors
    /// One of them cannot be read, or a history that is to be restored exists already.
    pub async fn read(args: &Rollback, context: &Context) -> Result<Self, Failure> {
        let spec = context.spec()?;
        let registry = context.registry(&spec, args.insecure)?;
        let project = if args.dry_run { None } else { Some(context.lock_project()?) };
        let history = match args.from_registry {
            true => {
                kept::refuse_present(context)?;
                let from = args.registry.as_deref();
                let recalled = kept::recall(context, &spec, &registry, from).await?;
                if let Some(project) = &project {
                    kept::restore(context, project, &recalled)?;
                }
                recalled.history
            }
            false => release::read_history(&context.folder)?.1,
        };
        Ok(Gathered { spec, registry, project, history })
    }
}
