//! Which engine makes the images, and why.

use crate::engine::dockerfile::{self, Recipe};
use crate::engine::layers::{self, Order};
use crate::exit::{Exit, Failure};
use crate::image::{self, Use};
use crate::registry;
use crate::spec::EngineChoice;
use crate::ui::Ui;

/// An engine that can do what is asked.
pub enum Chosen {
    /// BuildKit.
    Dockerfile(dockerfile::Engine),
    /// The built-in one.
    Layers(layers::Engine),
}

/// What the choice is made from.
pub struct Question<'a> {
    /// What was asked for.
    pub choice: EngineChoice,
    /// `--push`: else the images are for the Docker of this machine, where there is one.
    pub pushes: bool,
    /// Plain http beyond loopback.
    pub insecure: bool,
    /// `--builder`
    pub builder: Option<&'a str>,
    /// The Dockerfile.
    pub recipe: &'a Recipe,
    /// What is to be built.
    pub order: Order<'a>,
}

impl Question<'_> {
    /// Whether the Dockerfile makes these images.
    fn fits_dockerfile(&self) -> Result<(), image::Error> {
        let Order { plan, lock, spec, stages, .. } = self.order;
        image::dockerfile_fits(plan, lock, spec, stages)
    }
}

impl Chosen {
    /// As release records have it.
    pub fn name(&self) -> &'static str {
        match self {
            Chosen::Dockerfile(_) => "dockerfile",
            Chosen::Layers(_) => "layers",
        }
    }
}

/// The engine, and the sentence that says which and why. Errors: what the engine that was asked for cannot do; for
/// `auto`, what neither can.
pub async fn choose(
    question: &Question<'_>,
    registry: &registry::Client,
    ui: &Ui,
) -> Result<(Chosen, String), Failure> {
    let fits = question.fits_dockerfile();
    let docker = || async {
        question.fits_dockerfile()?;
        let insecure = question.insecure;
        let r#use = if question.pushes { Use::Push { insecure } } else { Use::Load };
        let engine =
            dockerfile::Engine::find(question.builder, question.recipe.clone(), r#use).await;
        Ok::<_, Failure>(Chosen::Dockerfile(engine?))
    };
    let said = |name: &str, why: &str| format!("engine: {name} ({why})");
    match question.choice {
        EngineChoice::Dockerfile => Ok((docker().await?, said("dockerfile", "asked for"))),
        EngineChoice::Layers => {
            let engine = layers(question, registry, ui).await?;
            Ok((Chosen::Layers(engine), said("layers", "asked for")))
        }
        EngineChoice::Auto => {
            if !question.pushes
                && let Ok(engine) = docker().await
            {
                return Ok((engine, said("dockerfile", "without --push images are for Docker")));
            }
            let why = match layers(question, registry, ui).await {
                Ok(engine) => {
                    let why =
                        fits.map_or_else(|e| e.to_string(), |()| "no daemon needed".to_owned());
                    return Ok((Chosen::Layers(engine), said("layers", &why)));
                }
                // Another engine changes nothing about these.
                Err(failure) if failure.exit != Exit::Build || is_budget(&failure) => {
                    return Err(failure);
                }
                Err(failure) => failure.report.to_string(),
            };
            match docker().await {
                Ok(engine) => Ok((engine, said("dockerfile", &why))),
                Err(failure) => {
                    let docker = failure.report;
                    let message =
                        format!("no engine can build this: layers: {why}; dockerfile: {docker}");
                    Err(Failure::message(Exit::Build, message))
                }
            }
        }
    }
}

async fn layers(
    question: &Question<'_>,
    registry: &registry::Client,
    ui: &Ui,
) -> Result<layers::Engine, Failure> {
    let changed = question.recipe.changed_files(question.order.project)?;
    if !changed.is_empty() {
        let message = format!(
            "the project's own {} is not envlock's, and only BuildKit can run it",
            changed.join(", ")
        );
        return Err(Failure::message(Exit::Build, message));
    }
    layers::Engine::find(&question.order, registry, ui).await
}

fn is_budget(failure: &Failure) -> bool {
    let error = failure.report.downcast_ref::<crate::image::Error>();
    matches!(error, Some(crate::image::Error::OverBudget { .. }))
}
