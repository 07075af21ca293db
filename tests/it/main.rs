//! Runs the binary against real servers on loopback; one file a command.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

mod base_layers;
mod both_engines;
mod build;
mod build_engine;
mod cli;
mod config;
mod docs;
mod doctor;
mod export;
mod hostile_wheels;
mod index;
mod layers;
mod layers_killed;
mod layers_same;
mod layers_tools;
mod life;
mod matrix;
mod order;
mod outdated;
mod purity;
mod push;
mod push_access;
mod push_faults;
mod push_schedules;
mod real_wheels;
mod registry;
mod release_job;
mod resolve;
mod rollback;
mod serve;
mod serve_engine;
mod serve_life;
mod sources;
mod standalone;
mod status;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod transport;
mod traps;
mod why;
