//! Runs the binary against real servers on loopback; one file a command.
#![allow(missing_docs)]

mod cli;
mod registry;
mod standalone;
mod store;
#[path = "../support/mod.rs"]
mod support;
