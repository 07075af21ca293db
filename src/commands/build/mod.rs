//! `envlock build`.
mod command;
mod engine;
mod page;
mod prove;

pub use command::run;
