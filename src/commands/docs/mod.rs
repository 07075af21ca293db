//! `envlock docs`: the reference of docs/ and the man pages, written from the program.
//!
//! Pages are values: a file name and its text. `command` writes them, `tests/it/docs.rs` compares them with docs/reference.

mod command;
mod commands_page;
mod exit_codes;
mod json_page;
mod keys;
mod man;
mod markdown;
mod node;
mod pages;

pub use command::run;
pub use pages::{Page, pages};
