//! Carries out what was decided, or shows it.

use super::decide::Decided;
use crate::blocking::joined;
use crate::commands::Context;
use crate::config::unified;
use crate::exit::Failure;
use crate::release::{self, ProjectLock, Published};
use crate::{registry, retention};

/// What [`go_back`] would change.
///
/// # Errors
/// An image is not in its registry, a file cannot be read.
pub(super) async fn preview(
    decided: &Decided,
    registry: &registry::Client,
    context: &Context,
) -> Result<Published, Failure> {
    let Decided { plan, lock } = decided;
    report_warnings(release::prove(registry, plan).await?, context);
    let mut diff = release::preview_rollback(plan)?;
    if let Some(after) = lock {
        let name = release::lock_file_of(after);
        let before = match release::read_config(&context.folder, &name) {
            Err(error) if error.is_absence() => vec![],
            before => before?,
        };
        diff += &unified(name.as_str(), &before, after);
    }
    Ok(Published { record: None, diff })
}

/// Checks the images, records the rollback in their registry unless `records` are off, and writes the files.
///
/// # Errors
/// An image is not in its registry, or a file cannot be written; then none was written.
pub(super) async fn go_back(
    decided: Decided,
    project: &ProjectLock,
    registry: &registry::Client,
    records: bool,
    context: &Context,
) -> Result<Published, Failure> {
    let Decided { plan, lock: lock_bytes } = decided;
    // The registry is asked while git is.
    let proving = {
        let (registry, plan) = (registry.clone(), plan.clone());
        tokio::spawn(async move { release::prove(&registry, &plan).await })
    };
    // Until the images are checked no file is written here, and what is sent to the registry has no tag.
    let mut draft = release::draft_rollback(project, &plan, lock_bytes)?;
    let lock = plan.target.lock.map(|sha| release::find_lock(&context.folder, sha)).transpose();
    let lock = lock.unwrap_or_else(|error| {
        context.ui.warn(format!("the registry's record of this rollback lacks it: {error}"));
        None
    });
    let (lock, images) = (lock.as_deref(), plan.target.images.keys().cloned().collect());
    // Without permission to write, the images can still be looked up.
    let writing = registry.with_own_logins();
    let ahead = async {
        match records {
            true => retention::prepare(&writing, &draft, lock, &images).await,
            false => Ok(()),
        }
    };
    let (proven, ahead) = tokio::join!(joined(proving), ahead);
    report_warnings(proven?, context);
    // A rollback must not depend on what the registry accepts.
    let announced = match ahead {
        _ if !records => Ok(vec![]),
        // What may not be sent in one form is sent in another.
        Err(error) if !matches!(&error, retention::Error::Registry(e) if e.is_refusal()) => {
            Err(error)
        }
        _ => retention::publish_record(&writing, &mut draft, lock, &images, false).await,
    };
    match announced {
        Ok(warnings) => report_warnings(warnings, context),
        Err(error) => {
            context.ui.warn(format!("the registry has no record of this rollback: {error}"))
        }
    }
    report_warnings(registry::warnings(&writing), context);
    Ok(draft.write(project)?)
}

fn report_warnings(warnings: Vec<String>, context: &Context) {
    warnings.iter().for_each(|warning| context.ui.warn(warning));
}
