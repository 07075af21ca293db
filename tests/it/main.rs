//! Runs the binary against real servers on loopback; one file a command.
#![allow(missing_docs, clippy::unwrap_used)]

mod cli;
mod config;
mod rollback;
mod status;
#[path = "../support/mod.rs"]
mod support;
