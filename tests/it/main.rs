//! Runs the binary against real servers on loopback; one file a command.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod cli;
mod doctor;
mod index;
mod registry;
mod resolve;
mod standalone;
mod store;
#[path = "../support/mod.rs"]
mod support;
