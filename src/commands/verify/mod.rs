//! `envlock verify`.
mod command;
mod containers;
mod subject;
mod supply;
mod trial;

pub use command::run;
pub(super) use containers::before_release;
pub(super) use trial::Trial;
