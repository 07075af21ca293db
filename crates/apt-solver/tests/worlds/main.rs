//! Small worlds, one for each rule by which packages are chosen.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alternatives;
mod base;
mod conflicts;
mod hostile;
mod multi_arch;
mod refusals;
mod suites;
mod ubuntu;
mod world;
