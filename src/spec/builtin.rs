//! The built-in stack: what envlock resolves when there is no envlock.toml, and what every key of
//! envlock.toml defaults to.

/// The text of the built-in stack, which `envlock init` writes.
pub const BUILTIN_TEXT: &str = include_str!("builtin.toml");
