//! What the integration tests share: one file a server or tool.
mod envlock;

pub use envlock::Envlock;
