//! `envlock build`.
mod command;
mod engine;
mod page;

pub use command::run;
