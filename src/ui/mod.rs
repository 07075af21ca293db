//! The only code that prints: results to stdout, everything else to stderr.
//!
//! Progress is a tree of values ([`Bar`]) into which workers count; `view` reads it at a moment, `lines` writes that as
//! text, both without clock and terminal; `screen` draws it from time to time.
mod bar;
#[cfg(test)]
mod fixture;
mod job;
mod lines;
mod log;
mod report;
mod screen;
mod view;

pub use bar::{Bar, Stage, Unit, Waiting};
pub use report::{Options, Ui};
