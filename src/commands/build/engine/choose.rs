//! Which engine makes the images, and why.

use super::Engine;
use super::dockerfile::Dockerfile;
use super::layers::Layers;
use crate::commands::build::means::Means;
use crate::commands::build::prepared::Prepared;
use crate::engine::dockerfile;
use crate::engine::layers::{self, Order};
use crate::exit::{Exit, Failure};
use crate::image::{self, Use};
use crate::spec::EngineChoice;

type Chosen = Box<dyn Engine>;

/// The engine, and a sentence that says which and why.
///
/// # Errors
/// The requested engine cannot build the images; for `auto`, neither can.
pub(in crate::commands::build) async fn choose(
    prepared: &Prepared<'_>,
    order: Order<'_>,
    means: &Means,
) -> Result<(Chosen, String), Failure> {
    let Prepared { choice, args, .. } = prepared;
    let because = |engine: Chosen, why: &str| {
        let sentence = format!("engine: {} ({why})", engine.name());
        (engine, sentence)
    };
    match choice {
        EngineChoice::Dockerfile => {
            Ok(because(dockerfile(prepared, order, means).await?, "asked for"))
        }
        EngineChoice::Layers => Ok(because(layers(prepared, order, means).await?, "asked for")),
        EngineChoice::Auto => {
            if !args.push
                && let Ok(engine) = dockerfile(prepared, order, means).await
            {
                return Ok(because(engine, "without --push images are for Docker"));
            }
            let why_not = match layers(prepared, order, means).await {
                Ok(engine) => {
                    let fits = fits_dockerfile(order);
                    let why =
                        fits.map_or_else(|e| e.to_string(), |()| "no daemon needed".to_owned());
                    return Ok(because(engine, &why));
                }
                // These fail with any engine.
                Err(failure) if failure.exit != Exit::Build || is_budget(&failure) => {
                    return Err(failure);
                }
                Err(failure) => failure.report.to_string(),
            };
            match dockerfile(prepared, order, means).await {
                Ok(engine) => Ok(because(engine, &why_not)),
                Err(failure) => {
                    let message = format!(
                        "no engine can build this: layers: {why_not}; dockerfile: {}",
                        failure.report
                    );
                    Err(Failure::message(Exit::Build, message))
                }
            }
        }
    }
}

async fn dockerfile(
    prepared: &Prepared<'_>,
    order: Order<'_>,
    means: &Means,
) -> Result<Chosen, Failure> {
    fits_dockerfile(order)?;
    let Prepared { args, recipe, .. } = prepared;
    let r#use = if args.push { Use::Push { insecure: means.insecure } } else { Use::Load };
    let builder = args.builder.as_deref();
    let engine = dockerfile::Engine::find(builder, recipe.clone(), r#use).await?;
    Ok(Box::new(Dockerfile { engine, pushes: args.push }))
}

async fn layers(
    prepared: &Prepared<'_>,
    order: Order<'_>,
    means: &Means,
) -> Result<Chosen, Failure> {
    let Prepared { context, recipe, .. } = prepared;
    let changed = recipe.changed_files(&context.folder)?;
    if !changed.is_empty() {
        let message = format!(
            "the project's own {} is not envlock's, and only BuildKit can run it",
            changed.join(", ")
        );
        return Err(Failure::message(Exit::Build, message));
    }
    let engine = layers::Engine::find(&order, &means.registry, &context.ui).await?;
    Ok(Box::new(Layers(engine)))
}

/// Whether the Dockerfile makes these images.
fn fits_dockerfile(order: Order<'_>) -> Result<(), image::Error> {
    let Order { plan, lock, spec, stages, .. } = order;
    image::dockerfile_fits(plan, lock, spec, stages)
}

fn is_budget(failure: &Failure) -> bool {
    let error = failure.report.downcast_ref::<image::Error>();
    matches!(error, Some(image::Error::OverBudget { .. }))
}
