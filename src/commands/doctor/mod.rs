//! `envlock doctor`: is this machine ready? One line a check, with what to do.
mod check;
mod engine;
mod files;
mod registry;
mod releases;
mod run;

pub use run::run;
