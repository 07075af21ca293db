//! The functions of [`yaml_scalar_edit`], with errors that say what to do about a user's file.

use yaml_scalar_edit::{Document, Edit, Edited, Scalar, YamlPath};

use super::Error;

/// Reads a file with two parsers.
///
/// # Errors
/// Text that is not UTF-8, or that one of them does not take for YAML.
pub fn parse(bytes: &[u8]) -> Result<Document<'_>, Error> {
    Document::parse(bytes).map_err(|error| Error::of(bytes, error))
}

/// The scalar at a path; `None` where there is none.
///
/// # Errors
/// Those of [`yaml_scalar_edit::read`].
pub fn read(bytes: &[u8], path: &YamlPath) -> Result<Option<Scalar>, Error> {
    yaml_scalar_edit::read(bytes, path).map_err(|error| Error::of(bytes, error))
}

/// Makes these edits, all or none.
///
/// # Errors
/// Those of [`yaml_scalar_edit::edit`].
pub fn edit(bytes: &[u8], edits: &[Edit]) -> Result<Edited, Error> {
    yaml_scalar_edit::edit(bytes, edits).map_err(|error| Error::of(bytes, error))
}

/// The same, for an edit that a rollback must be able to undo to the byte.
///
/// # Errors
/// Those of [`yaml_scalar_edit::edit_reversibly`].
pub fn edit_reversibly(bytes: &[u8], edits: &[Edit]) -> Result<Edited, Error> {
    yaml_scalar_edit::edit_reversibly(bytes, edits).map_err(|error| Error::of(bytes, error))
}

/// Whether an edit would change anything.
///
/// # Errors
/// Those of [`yaml_scalar_edit::would_change`].
pub fn would_change(bytes: &[u8], edit: &Edit) -> Result<bool, Error> {
    yaml_scalar_edit::would_change(bytes, edit).map_err(|error| Error::of(bytes, error))
}
