//! `envlock resolve`: spec → env.lock.
mod assemble;
mod command;
mod elsewhere;
mod gpus;
mod imports;
mod target;

pub use command::run;
pub(super) use target::release_glibc;
