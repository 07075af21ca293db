//! A registry of one's own: an OCI image layout on disk for all projects of a user, and the distribution API 1.1 over
//! it for whoever pushes and pulls on this machine.
//!
//! The layout is the truth; the server holds nothing that a `kill -9` could lose. Everything it promises rests on
//! renames and one lock file, so that several processes may serve and fill one layout.
mod answer;
mod blobs;
mod error;
mod host;
mod index;
mod layout;
mod lists;
mod manifest;
mod manifests;
mod names;
mod others;
mod pool;
mod range;
mod refusal;
mod route;
mod server;
mod service;
mod stream;
mod uploads;
mod user;

pub use error::Error;
pub use host::HostName;
pub use layout::{FOLDER, Layout};
pub use names::{Repository, Tag};
pub use pool::Freed;
pub use server::{DEFAULT_PORT, Embedded, Running};
pub use user::{folder_of_user, project_name};
