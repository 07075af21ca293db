//! `envlock verify`.
mod command;
mod containers;
mod subject;
mod supply;

pub use command::run;
pub(super) use containers::{Trial, before_release};
