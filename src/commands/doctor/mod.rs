//! `envlock doctor`: checks whether this machine is ready, a line for each check, with what to do.
mod check;
mod engine;
mod files;
mod registry;
mod releases;
mod run;

pub use run::run;
