//! `envlock serve`: the embedded registry over HTTP, until a signal ends it.

use std::net::SocketAddr;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use super::embedded::{self, Serving};
use crate::cli::Serve;
use crate::exit::{CommandResult, Exit, Failure};
use crate::registry::embedded::{Report, existing, folder_of_user, listen, open, server};
use crate::reports::{self, Version};

pub async fn run(args: Serve, context: &Context) -> CommandResult {
    // Before the address is printed: the reader may end this process at once.
    let (mut interrupt, mut terminate) =
        (watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?);
    let address = args.listen.unwrap_or_else(|| embedded::addresses(context)[0]);
    let folder =
        args.folder.as_ref().map_or_else(folder_of_user, |named| Ok(context.path(named)))?;
    let listener = match listen(address, args.insecure).await {
        Ok(listener) => Some(listener),
        // Another command of this user may serve the same layout for a while; a read-only one is never shared.
        Err(taken) if taken.is_taken() && !args.read_only && existing(&folder).is_ok() => None,
        Err(taken) => return Err(taken.into()),
    };
    let layout = match (&args.folder, args.read_only) {
        (_, true) => existing(folder)?,
        (Some(_), false) => open(folder)?,
        (None, false) => embedded::layout(context)?,
    };
    let root = layout.root().to_owned();
    let id = layout.id().to_string();
    let registry =
        server(layout, Report::Server).read_only(args.read_only).known_as(args.host.clone());
    let serving = match listener {
        Some(listener) => {
            let address = listener.local_addr().unwrap_or(address);
            embedded::begin(context, registry, address, Some(listener))
        }
        None => embedded::join(context, id, registry, address).await?,
    };
    report(&args, context, &serving, root.as_str());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    context.ui.note("ending");
    drop(serving);
    tokio::select! {
        () = context.servings.ended(&context.ui) => {}
        // A second signal ends it at once.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(Exit::Ok)
}

fn watch(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::message(Exit::Failed, format!("no signals: {error}")))
}

fn report(args: &Serve, context: &Context, serving: &Serving, root: &str) {
    let address: SocketAddr = serving.address;
    let report = reports::Serve { version: Version, address: address.to_string(), folder: root };
    context.result(&report, || format!("http://{address}"));
    if !address.ip().is_loopback() {
        context.ui.warn(format!(
            "everyone who reaches {address} can pull{}: there is neither TLS nor a login",
            if args.read_only { "" } else { ", push and delete" }
        ));
    }
    if !serving.is_first {
        context.ui.note("another envlock serves it now; this one goes on when that ends");
    }
    context.ui.note(format!("serving {root}; Ctrl-C ends it"));
}
