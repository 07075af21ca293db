//! The exit codes, from their table.

use super::markdown::{self, WRITTEN};
use crate::exit::Exit;

/// exit-codes.md
pub(super) fn page() -> String {
    let row = |(exit, meaning): &(Exit, &str)| {
        vec![(*exit as u8).to_string(), markdown::cell(&markdown::sentence(meaning))]
    };
    let rows: Vec<_> = Exit::ALL.iter().map(row).collect();
    let table = markdown::table(&["code", "meaning"], &rows);
    format!(
        "# Exit codes\n\n{WRITTEN}\nEvery command ends with one of these. Their meaning does not change.\n\n{table}"
    )
}
