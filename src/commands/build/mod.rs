//! `envlock build`.
mod command;
mod engine;
mod prove;

pub use command::run;
