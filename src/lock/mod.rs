//! `env.lock`: what was chosen, with a hash for every byte of it.
mod format;
mod model;

pub use format::{Error, FILE_NAME, FORMAT, parse, render};
pub use model::*;

#[cfg(test)]
pub(crate) use format::tests::sample;
