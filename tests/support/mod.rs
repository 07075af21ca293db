//! What the integration tests share: one file a server or tool.
mod envlock;
mod registry;
mod server;

pub use envlock::Envlock;
pub use registry::{INDEX, Registry};
pub use server::{Reply, Request, Server};
