//! The built-in stack: what envlock resolves when there is no envlock.toml, and what every key of
//! envlock.toml defaults to.

use super::{Error, Spec, parse};

/// The text of the built-in stack, which `envlock init` writes.
pub const BUILTIN_TEXT: &str = include_str!("builtin.toml");

/// The built-in stack.
pub fn builtin() -> Result<Spec, Error> {
    parse("the built-in stack", BUILTIN_TEXT)
}
