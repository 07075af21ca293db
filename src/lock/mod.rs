//! `env.lock`: what was chosen, with a hash for every byte of it.
mod check;
mod diff;
mod format;
mod location;
mod model;
mod system;
mod why;

pub use check::{Replaced, replaced, stale};
pub use diff::{Change, Diff, Entry};
pub use format::{Error, FILE_NAME, FORMAT, choice_sha256, file_name, is_file_name, parse, render};
pub use location::{BadLocation, Location};
pub use model::*;
pub use system::{ArchivePin, SystemPackage, SystemPin};
pub use why::{Path, near, why};

#[cfg(test)]
pub(crate) use format::tests::sample;
