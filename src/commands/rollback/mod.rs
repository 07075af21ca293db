//! `envlock rollback`.
mod command;
mod decide;
mod execute;
mod gather;
mod report;

pub use command::run;
