//! The settings of running images in containers.

use camino::Utf8Path;

use crate::registry::Client;
use crate::spec::Spec;
use crate::verify::{Runtime, Selection};

pub(in crate::commands) struct Trial<'a> {
    /// Has their size budgets and GPUs.
    pub spec: &'a Spec,
    /// The client of their registries.
    pub client: &'a Client,
    /// Plain http beyond loopback.
    pub insecure: bool,
    /// The lock they are compared with; `None`: their own.
    pub lock: Option<&'a Utf8Path>,
    /// The container runtime.
    pub runtime: &'a Runtime,
    /// Which checks are made, and their time limit.
    pub selection: Selection,
}
