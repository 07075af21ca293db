//! `envlock resolve`: spec → env.lock.
mod command;
mod target;

pub use command::run;
pub(super) use target::release_glibc;
