#![doc = include_str!("../README.md")]

mod answer;
mod attached;
mod blob_store;
mod blobs;
mod blocking;
mod disk;
mod error;
mod event;
#[cfg(test)]
mod fixture;
mod host;
mod index;
mod layout;
mod lists;
mod manifest;
mod manifests;
mod media_type;
mod names;
mod prune;
mod range;
mod refusal;
mod route;
mod server;
mod service;
mod stream;
mod uploads;

/// What [`Server::with_header`] takes.
pub use hyper::header::{HeaderName, HeaderValue};
/// What [`Layout`] identifies blobs and itself by.
pub use oci_digest::{Digest, Sha256};

pub use error::Error;
pub use event::Event;
pub use host::{BadHostName, HostName};
pub use layout::Layout;
pub use names::{BadName, Repository, Tag};
pub use prune::Freed;
pub use server::{Running, Server};
