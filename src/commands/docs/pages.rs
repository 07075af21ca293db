//! The pages of docs/reference.

use super::{commands_page, exit_codes, json_page, keys};

/// A file of the reference: its name, and what is in it.
pub type Page = (&'static str, String);

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
