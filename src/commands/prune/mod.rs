//! `envlock prune`.
mod command;
mod gather;
mod line;
mod report;
mod sweep;

pub use command::run;
