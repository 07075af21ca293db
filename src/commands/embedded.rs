//! The project's own registry, answering while a command needs it.

use super::Context;
use crate::exit::{Exit, Failure};
use crate::registry::embedded::{DEFAULT_ADDRESS, Embedded, FOLDER, Layout, Running};
use crate::spec::NetworkSpec;

/// `HOST:PORT` of the project's own registry, as references name it.
pub fn address() -> String {
    DEFAULT_ADDRESS.to_string()
}

/// Sees to it that the project's own registry answers: by `envlock serve` where that runs, else by this process until
/// the result is dropped. Errors: another program, or another project's registry, has the address.
pub async fn hold(context: &Context) -> Result<Option<Running>, Failure> {
    let layout = Layout::open(context.path(FOLDER))?;
    let ours = layout.id().to_string();
    match Embedded::listen(DEFAULT_ADDRESS, false).await {
        Ok(listener) => {
            context.ui.note(format!("{} is served at {DEFAULT_ADDRESS} meanwhile", layout.root()));
            Ok(Some(Embedded::new(layout).start(listener)?))
        }
        Err(taken) => match behind(context).await {
            Some(theirs) if theirs == ours => Ok(None),
            Some(_) => Err(of_another_project()),
            None => Err(taken.into()),
        },
    }
}

/// Whether [`hold`] would do; nothing is made, and nothing served. Errors: as there.
pub async fn probe(context: &Context) -> Result<(), Failure> {
    let Err(taken) = Embedded::listen(DEFAULT_ADDRESS, false).await else { return Ok(()) };
    let ours = Layout::existing(context.path(FOLDER)).map(|layout| layout.id().to_string()).ok();
    match behind(context).await {
        None => Err(taken.into()),
        theirs if theirs == ours => Ok(()),
        Some(_) => Err(of_another_project()),
    }
}

fn of_another_project() -> Failure {
    let message = format!(
        "{DEFAULT_ADDRESS} is the registry of another project: end its `envlock serve`, or name a registry with --registry"
    );
    Failure::message(Exit::Registry, message)
}

/// As [`hold`], when one of these references is in the project's own registry and there is one.
pub async fn hold_for<'a>(
    context: &Context,
    registries: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Running>, Failure> {
    let own = address();
    let is_needed = registries.into_iter().any(|registry| registry == own);
    match is_needed && context.path(FOLDER).join("oci-layout").is_file() {
        // Whoever has the address is asked like any other registry.
        true => hold(context).await.or(Ok(None)),
        false => Ok(None),
    }
}

/// Which layout the server at the address says it has.
async fn behind(context: &Context) -> Option<String> {
    let url = format!("http://{DEFAULT_ADDRESS}/v2/").parse().ok()?;
    let client = context.client(&NetworkSpec::default()).ok()?;
    let answer = client.send(reqwest::Method::GET, &url, &reqwest::header::HeaderMap::new()).await;
    let answer = answer.ok()?;
    Some(answer.headers().get("envlock-layout")?.to_str().ok()?.to_owned())
}
