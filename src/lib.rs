//! envlock makes a deep-learning environment reproducible from version choice to running cluster:
//! spec → lock → images by digest → config.yaml, and back.
//!
//! `ARCHITECTURE.md` is the map; `tests/it/rooms.rs` says which module may use which, and which are pure.

pub(crate) mod attestation;
pub mod base_image;
mod blocking;
pub(crate) mod built_for;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod config;
pub mod cuda;
pub mod digest;
pub mod engine;
pub mod exit;
pub(crate) mod export;
pub(crate) mod gpu;
pub mod image;
pub mod import;
pub mod index;
mod interrupt;
pub mod lock;
pub(crate) mod login;
pub(crate) mod matrix;
pub mod net;
pub mod platform;
pub mod python;
pub mod reference;
pub mod registry;
pub mod release;
pub(crate) mod render;
pub mod reports;
pub(crate) mod retention;
mod room;
pub(crate) mod size;
pub mod solve;
pub mod spec;
pub mod store;
pub mod system;
mod tool_version;
pub(crate) mod torch;
pub mod ui;
pub(crate) mod verify;
