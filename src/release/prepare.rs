//! Applies edits to files that were read: the new bytes, the changes for the release's line, and a diff for people.
//! Pure.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{FileChange, FileEdit};
use crate::config::{self, Edit, Edited, Files};

/// Edits that were made but not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prepared {
    /// The files' new bytes; files that stay as they are, are left out.
    pub changes: Vec<FileChange>,
    /// The changes for the release's line.
    pub edits: Vec<FileEdit>,
    /// The same for people.
    pub diff: String,
}

/// Makes the edits of each file with `edit`: [`config::edit_reversibly`] for a release, [`config::edit`] for a
/// rollback, which need not be reversible itself.
///
/// # Errors
/// Those of `edit`, with the file's name.
pub fn prepare(
    files: &Files,
    edits: &BTreeMap<Utf8PathBuf, Vec<Edit>>,
    edit: fn(&[u8], &[Edit]) -> Result<Edited, config::Error>,
) -> Result<Prepared, config::Error> {
    let mut prepared = Prepared::default();
    for (file, before) in files {
        let Some(edits) = edits.get(file) else { continue };
        let edited = edit(before, edits).map_err(|e| e.in_file(file.as_str()))?;
        if edited.changes.is_empty() {
            continue;
        }
        prepared.diff += &config::unified(file.as_str(), before, &edited.bytes);
        prepared.edits.extend(edited.changes.into_iter().map(|change| FileEdit {
            file: file.clone(),
            path: change.path,
            before: change.before,
            after: change.after,
            text: Some(change.text),
        }));
        let (file, before) = (file.clone(), Some(before.clone()));
        prepared.changes.push(FileChange { file, before, after: edited.bytes });
    }
    Ok(prepared)
}
