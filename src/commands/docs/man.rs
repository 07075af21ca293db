//! Man pages, one a command: envlock.1, envlock-build.1 and so on.

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Names and texts of all man pages, in roff.
pub(super) fn pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    gather(&root, "envlock", &mut found)?;
    Ok(found)
}

/// The page of one command and those of its commands. clap names a page by the whole command line, with hyphens.
fn gather(
    command: &Command,
    name: &str,
    found: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Failure> {
    let mut text = Vec::new();
    let page = Man::new(command.clone()).title(name.to_uppercase());
    page.render(&mut text).map_err(|error| Failure::message(Exit::Failed, error))?;
    found.push((format!("{name}.1"), text));
    for own in super::commands_page::commands(command) {
        gather(own, &format!("{name}-{}", own.get_name()), found)?;
    }
    Ok(())
}
