//! `envlock build`.
mod command;
mod engine;
mod page;
mod prove;
mod request;

pub use command::run;
