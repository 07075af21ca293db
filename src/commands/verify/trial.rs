//! How images are run in containers.

use camino::Utf8Path;

use crate::registry::Client;
use crate::spec::Spec;
use crate::verify::{Runtime, Selection};

pub(in crate::commands) struct Trial<'a> {
    /// Says what their budget is, and which GPUs they meet.
    pub spec: &'a Spec,
    /// Asks their registries.
    pub client: &'a Client,
    /// Plain http beyond loopback.
    pub insecure: bool,
    /// The lock they are compared with; `None`: their own.
    pub lock: Option<&'a Utf8Path>,
    /// What runs them.
    pub runtime: &'a Runtime,
    /// Which checks, and how long.
    pub selection: Selection,
}
