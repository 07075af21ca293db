//! `envlock build`.
mod command;
mod engine;

pub use command::run;
