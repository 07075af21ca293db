//! What the integration tests share: one file a server or tool.
mod envlock;
mod registry;
pub mod release;

pub use envlock::Envlock;
pub use registry::Registry;
