//! Runs the binary against real servers on loopback; one file a command.
#![allow(missing_docs)]

mod cli;
mod docs;
mod purity;
#[path = "../support/mod.rs"]
mod support;
