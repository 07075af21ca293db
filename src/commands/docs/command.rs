//! The command: pages into a folder.

use camino::Utf8Path;

use super::{man, pages};
use crate::cli::Docs;
use crate::commands::Context;
use crate::exit::{CommandResult, Exit, Failure};

/// Where the reference is in the repository.
const REFERENCE: &str = "docs/reference";

/// Runs `envlock docs`. Files of the same names are overwritten, others stay.
///
/// # Errors
///
/// When a file cannot be written (exit 1).
pub fn run(args: &Docs, context: &Context) -> CommandResult {
    let (folder, files) = match &args.man {
        Some(folder) => (context.path(folder), man::pages()?),
        None => {
            let folder = args.folder.as_deref().unwrap_or(Utf8Path::new(REFERENCE));
            let pages =
                pages().into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes()));
            (context.path(folder), pages.collect())
        }
    };
    let failed = |error| Failure::message(Exit::Failed, error);
    fs_err::create_dir_all(&folder).map_err(failed)?;
    for (name, bytes) in &files {
        fs_err::write(folder.join(name), bytes).map_err(failed)?;
    }
    context.ui.note(format!("wrote {} files to {folder}", files.len()));
    Ok(Exit::Ok)
}
