//! An error or warning about config.yaml.

use std::fmt;

use yaml_scalar_edit::Document;

/// An error, or a probable one, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The keys from the top of the file to it.
    pub keys: Vec<String>,
    /// Whether the place is the key itself, not its value.
    pub is_key: bool,
    /// What is wrong, the place included.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Problem {
    pub(super) fn new(keys: &[&str], message: impl fmt::Display, help: impl Into<String>) -> Self {
        let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let message = format!("{}: {message}", keys.join("."));
        Problem { keys, is_key: false, message, help: help.into() }
    }

    /// Where it is: the line, counted from 1.
    pub fn line(&self, document: &Document<'_>) -> Option<usize> {
        let at = self.range(document)?.start;
        Some(document.text()[..at].matches('\n').count() + 1)
    }

    pub(super) fn range(&self, document: &Document<'_>) -> Option<std::ops::Range<usize>> {
        if self.is_key { document.key_span(&self.keys) } else { document.span(&self.keys) }
    }
}
