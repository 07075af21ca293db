//! `envlock serve`: the embedded registry over HTTP, until a signal ends it.

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use crate::cli::Serve;
use crate::exit::{CommandResult, Exit, Failure};
use crate::registry::embedded::{Embedded, Layout};

/// Runs `envlock serve`.
pub async fn run(args: Serve, context: &Context) -> CommandResult {
    // Before the address is printed: who reads it may end this at once.
    let watch = |kind| {
        signal(kind).map_err(|error| Failure::message(Exit::Failed, format!("no signals: {error}")))
    };
    let (mut interrupt, mut terminate) =
        (watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?);
    let listener = Embedded::listen(args.listen, args.insecure).await?;
    let folder = context.path(&args.folder);
    let layout = if args.read_only { Layout::existing(folder) } else { Layout::open(folder) }?;
    let root = layout.root().to_owned();
    let running = Embedded::new(layout).read_only(args.read_only).start(listener)?;
    let address = running.address();
    if context.ui.wants_json() {
        let report = json!({ "version": 1, "address": address.to_string(), "folder": root });
        context.ui.json(&report);
    } else {
        context.ui.result(format!("http://{address}"));
    }
    if !address.ip().is_loopback() {
        context.ui.warn(format!(
            "everybody who reaches {address} can pull{}: there is neither TLS nor a login",
            if args.read_only { "" } else { ", push and delete" }
        ));
    }
    context.ui.note(format!("serving {root}; Ctrl-C ends it"));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    context.ui.note("ending; requests under way get ten seconds");
    tokio::select! {
        () = running.stop() => {}
        // A second signal does not wait.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Exit::Ok)
}
