//! `envlock verify`: checks images in containers against their lock; with `--supply`, the artifacts beside them instead.

use std::time::Duration;

use super::supply;
use super::trial::Trial;
use crate::cli::Verify;
use crate::commands::{Context, embedded, kept};
use crate::exit::{CommandResult, Exit, Failure};
use crate::reference::PinnedReference;
use crate::release;
use crate::reports::{self, Version};
use crate::verify::checks::{self, Tally};
use crate::verify::{Runtime, Selection};

pub async fn run(args: Verify, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let client = context.registry(&spec, args.insecure)?;
    let (_, history) = release::read_history(&context.folder)?;
    let mut images: Vec<PinnedReference> = Vec::new();
    for image in &args.images {
        images.push(kept::find_image(context, &spec, &client, &history, image).await?);
    }
    if args.images.is_empty() {
        images.extend(history.current()?.images.into_values());
    }
    if images.is_empty() {
        let message =
            "no image is named, and nothing was released here: name one, HOST/NAME@sha256:…";
        return Err(Failure::message(Exit::Usage, message));
    }
    let hosts = images.iter().map(PinnedReference::registry);
    let _serving = embedded::hold_for(context, hosts).await?;
    if args.supply {
        return supply::check(&args, context, &spec, &client, images).await;
    }
    let runtime = Runtime::find(args.runtime).await?;
    let trial = Trial {
        spec: &spec,
        client: &client,
        insecure: args.insecure,
        lock: args.lock.as_deref(),
        runtime: &runtime,
        selection: Selection {
            only: args.only.clone(),
            limit: Duration::from_secs(args.timeout.get()),
        },
    };
    let images = trial.of(context, &images).await?;
    if let Some(file) = &args.junit {
        context.write(&context.path(file), &checks::junit(&images))?;
    }
    let exit = Tally::exit(&images);
    context.ui.output([("verified".to_owned(), (exit == Exit::Ok).to_string())]);
    context.ui.summary(|| checks::markdown(&images));
    let report = reports::Verify::Run {
        version: Version,
        sound: exit == Exit::Ok,
        runtime: reports::Runtime { program: runtime.program(), version: runtime.version() },
        images: &images,
    };
    context.result(&report, || checks::table(&images));
    Ok(exit)
}
