//! The server over a layout, as envlock runs it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use oci_layout_server::{Event, Layout, Server};
use reqwest::header::{HeaderName, HeaderValue};
use tokio::net::TcpListener;

use super::Error;

/// The header in which a server says [`Layout::id`]: a client that finds the port taken learns whether its own layout
/// is behind it.
pub const LAYOUT_HEADER: &str = "envlock-layout";

/// Which side reports a full disk to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// This server, once: clients are other processes.
    Server,
    /// The client, which is this process.
    Client,
}

/// A registry over this layout, which logs.
pub fn server(layout: Layout, full_disk: Report) -> Server {
    let id = HeaderValue::from_str(&layout.id().to_string()).expect("hex digits are a value");
    let reported = AtomicBool::new(full_disk == Report::Client);
    Server::new(layout)
        .host_advice(", or start it with --host NAME")
        .with_header(HeaderName::from_static(LAYOUT_HEADER), id)
        .observed_by(move |event| log(event, &reported))
}

/// `reported`: whether a full disk was logged already; it fails every request.
fn log(event: Event<'_>, reported: &AtomicBool) {
    match event {
        Event::Answered { .. } => tracing::info!("{event}"),
        Event::Disconnected(_) => tracing::debug!("{event}"),
        Event::Failed { error, .. }
            if error.is_lasting() && reported.swap(true, Ordering::Relaxed) => {}
        Event::Failed { .. } | Event::NotAccepted(_) | Event::NotSwept(_) => {
            tracing::warn!("{event}");
        }
    }
}

/// A listener on this address; `beyond_loopback` allows addresses that other machines reach. Port 0: any.
///
/// # Errors
/// As [`Server::listen`].
pub async fn listen(address: SocketAddr, beyond_loopback: bool) -> Result<TcpListener, Error> {
    Ok(Server::listen(address, beyond_loopback).await?)
}
