//! The user's own registry, served while a command needs it. One process serves it at its address; the others
//! use that one, and one of them takes over when it ends.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::net::Retry;
use crate::registry::embedded::{
    DEFAULT_PORT, Error, FOLDER, LAYOUT_HEADER, Layout, Report, Server, existing, folder_of_user,
    listen, open, project_name, server,
};
use crate::spec::NetworkSpec;

/// How often a waiting process checks whether it can take over.
const WATCH: Duration = Duration::from_millis(25);

/// How long an address may be in use by a process that does not answer because it is ending.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the process that has the address may take to identify itself.
const SILENCE: Duration = Duration::from_secs(10);

/// The registry is served as long as this value exists, by this process or another one.
#[derive(Debug)]
pub struct Serving {
    /// Its address.
    pub address: SocketAddr,
    /// Whether this process serves it.
    pub is_first: bool,
    // Dropping it ends the task.
    _end: oneshot::Sender<()>,
}

/// Where the registry is for this project.
fn address_of(context: &Context) -> SocketAddr {
    // An invalid file is reported where more of it is needed.
    let port = context
        .spec()
        .ok()
        .and_then(|spec| spec.registry.port)
        .map_or(DEFAULT_PORT, NonZeroU16::get);
    at(port)
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// `HOST:PORT` of the registry, as references name it: the project's, and the one of projects without a setting.
pub fn addresses(context: &Context) -> Vec<SocketAddr> {
    let mut addresses = vec![address_of(context), at(DEFAULT_PORT)];
    addresses.dedup();
    addresses
}

/// Whether this `HOST:PORT` is the user's own registry.
pub fn is_own(context: &Context, registry: &str) -> bool {
    addresses(context).iter().any(|own| own.to_string() == registry)
}

/// Where images of the project go when no registry is named: the prefix is unique to the project.
pub fn destination(context: &Context) -> String {
    format!("{}/{}", address_of(context), project_name(&context.folder))
}

/// The user's layout, created when it is missing; the project's own layout of earlier versions is served too.
pub fn layout(context: &Context) -> Result<Layout, Error> {
    let layout = open(folder_of_user()?)?;
    if let Some(old) = old_layout(context) {
        layout.attach(&old)?;
    }
    Ok(layout)
}

/// The layout in the project folder, where earlier versions kept one for each project.
pub fn old_layout(context: &Context) -> Option<Layout> {
    let old = existing(context.path(FOLDER)).ok()?;
    // It may be the user's layout, and then it does not belong to this project alone.
    let users = folder_of_user().and_then(existing).is_ok_and(|user| user.id() == old.id());
    (!users).then_some(old)
}

/// Whether anything was ever kept in a registry of the user's or the project's own.
pub fn is_there(context: &Context) -> bool {
    let user = folder_of_user().is_ok_and(|folder| existing(folder).is_ok());
    user || old_layout(context).is_some()
}

/// Whether the project has pushed to the user's layout.
pub fn has_images(context: &Context) -> bool {
    let user = folder_of_user().and_then(existing);
    user.is_ok_and(|layout| layout.has_below(&project_name(&context.folder)))
}

/// Keeps the registry served at the project's address until the result is dropped.
///
/// # Errors
/// Another program uses the address, or the disk fails.
pub async fn hold(context: &Context) -> Result<Serving, Failure> {
    hold_at(context, address_of(context)).await
}

async fn hold_at(context: &Context, address: SocketAddr) -> Result<Serving, Failure> {
    let layout = layout(context)?;
    let root = layout.root().to_owned();
    let serving =
        join(context, layout.id().to_string(), server(layout, Report::Client), address).await?;
    if serving.is_first {
        context.ui.note(format!("{root} is served at {address} meanwhile"));
    }
    Ok(serving)
}

/// As [`hold`], where one of these registries is the user's own and it exists.
pub async fn hold_for<'a>(
    context: &Context,
    registries: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Serving>, Failure> {
    let mut needed: Vec<SocketAddr> = Vec::new();
    for registry in registries {
        let own = addresses(context).into_iter().find(|own| own.to_string() == registry);
        needed.extend(own.filter(|own| !needed.contains(own)));
    }
    let mut servings = Vec::new();
    if !needed.is_empty() && is_there(context) {
        for address in needed {
            // Another process at this address is asked like any other registry.
            servings.extend(hold_at(context, address).await.ok());
        }
    }
    Ok(servings)
}

/// As [`hold`], where images are to go to this registry and it is the user's own.
pub async fn hold_named(context: &Context, registry: &str) -> Option<Serving> {
    let address = addresses(context).into_iter().find(|own| own.to_string() == registry)?;
    // Another process at this address is asked like any other registry.
    hold_at(context, address).await.ok()
}

/// Whether [`hold`] would succeed; nothing is created or served.
///
/// # Errors
/// Those of [`hold`].
pub async fn probe(context: &Context) -> Result<(), Failure> {
    let address = address_of(context);
    let Err(taken) = listen(address, false).await else { return Ok(()) };
    let ours = existing(folder_of_user()?).map(|layout| layout.id().to_string()).ok();
    match behind(context, address).await {
        Behind::Layout(id) if Some(&id) == ours.as_ref() => Ok(()),
        Behind::Layout(_) => Err(of_others(address)),
        Behind::Nobody | Behind::Stranger => Err(taken.into()),
    }
}

/// Serves at an address, or stands by where another process serves the layout `id` there.
///
/// # Errors
/// Another program, or another layout, uses the address.
pub async fn join(
    context: &Context,
    id: String,
    registry: Server,
    address: SocketAddr,
) -> Result<Serving, Failure> {
    let begun = Instant::now();
    let listener = loop {
        let taken = match listen(address, false).await {
            Ok(listener) => break Some(listener),
            Err(taken) if taken.is_taken() => taken,
            Err(error) => return Err(error.into()),
        };
        match behind(context, address).await {
            Behind::Layout(theirs) if theirs == id => break None,
            Behind::Layout(_) => return Err(of_others(address)),
            Behind::Nobody if begun.elapsed() < PATIENCE => tokio::time::sleep(WATCH).await,
            Behind::Nobody | Behind::Stranger => return Err(taken.into()),
        }
    };
    Ok(begin(context, registry, address, listener))
}

/// Serves at this listener, or as soon as the address is free.
pub fn begin(
    context: &Context,
    registry: Server,
    address: SocketAddr,
    listener: Option<TcpListener>,
) -> Serving {
    let is_first = listener.is_some();
    let (end, mut ended) = oneshot::channel::<()>();
    let task = async move {
        let listener = match listener {
            Some(listener) => listener,
            None => tokio::select! {
                listener = free(address) => listener,
                _ = &mut ended => return,
            },
        };
        match registry.start(listener) {
            Ok(running) => {
                // Its sender was dropped: that is the signal to end.
                let _ = ended.await;
                running.stop().await;
            }
            Err(error) => tracing::warn!(%error, "the registry does not start"),
        }
    };
    context.servings.add(tokio::spawn(task));
    Serving { address, is_first, _end: end }
}

/// A listener, once the address is free.
async fn free(address: SocketAddr) -> TcpListener {
    loop {
        tokio::time::sleep(WATCH).await;
        if let Ok(listener) = listen(address, false).await {
            tracing::debug!(%address, "taking over the registry");
            return listener;
        }
    }
}

/// What answers at an address.
enum Behind {
    /// An envlock that serves the layout with this id.
    Layout(String),
    /// Another program.
    Stranger,
    /// No process.
    Nobody,
}

async fn behind(context: &Context, address: SocketAddr) -> Behind {
    if TcpStream::connect(address).await.is_err() {
        return Behind::Nobody;
    }
    let asking = async {
        let url = format!("http://{address}/v2/").parse().ok()?;
        let client = context
            .client(&NetworkSpec::default())
            .ok()?
            .with_retry(Retry { attempts: 1, ..Retry::default() });
        Some(client.send(Method::GET, &url, &HeaderMap::new()).await)
    };
    match tokio::time::timeout(SILENCE, asking).await {
        Ok(Some(Ok(answer))) => {
            let id = answer.headers().get(LAYOUT_HEADER).and_then(|id| id.to_str().ok());
            id.map_or(Behind::Stranger, |id| Behind::Layout(id.to_owned()))
        }
        // It ended while it was asked.
        Ok(Some(Err(_))) => Behind::Nobody,
        Ok(None) | Err(_) => Behind::Stranger,
    }
}

fn of_others(address: SocketAddr) -> Failure {
    let message = format!(
        "{address} is the registry of another user or folder: end its `envlock serve`, or set another `port` under \
         [registry] in envlock.toml"
    );
    Failure::message(Exit::Registry, message)
}
