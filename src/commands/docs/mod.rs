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

pub use command::run;

/// A file of the reference: its name, and what is in it.
pub type Page = (&'static str, String);

/// The first line of every page, after its title.
const WRITTEN: &str = "<!-- Written by `envlock docs`; change the program instead. -->\n";

/// The pages of docs/reference that come from the program.
pub fn pages() -> Vec<Page> {
    vec![
        ("commands.md", commands_page::page()),
        ("envlock-toml.md", keys::envlock_toml()),
        ("config-yaml.md", keys::config_yaml()),
        ("exit-codes.md", exit_codes::page()),
        ("json.md", json_page::page()),
    ]
}
