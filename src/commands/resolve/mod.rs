//! `envlock resolve`: spec → env.lock.
mod assemble;
mod check;
mod choose;
mod command;
mod earlier;
mod elsewhere;
mod gpus;
mod imports;
mod report;
mod system;
mod target;

pub use command::run;
pub(super) use target::release_glibc;
