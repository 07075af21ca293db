//! The only code that prints: results to stdout, everything else to stderr.
mod job;
mod progress;
mod report;

pub use progress::{Bar, Unit};
pub use report::{Options, Ui};
