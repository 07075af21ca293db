//! What is to change, and what did.

use crate::{Scalar, TextChange, YamlPath};

/// What one value is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub path: YamlPath,
    /// What is to be there; `None` takes the key away.
    pub value: Option<Scalar>,
    /// How that is to be written, where the text that gives way is there. Without, in the form of what is there.
    pub text: Option<TextChange>,
}

/// What an edit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: YamlPath,
    /// What was there; `None`: the key was not.
    pub before: Option<Scalar>,
    /// What is there now; `None`: the key is gone.
    pub after: Option<Scalar>,
    /// The letters.
    pub text: TextChange,
}

/// The new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// Its bytes: the old ones where nothing was to be changed.
    pub bytes: Vec<u8>,
    /// In the order of the edits; values that were there already are no change.
    pub changes: Vec<Change>,
}

impl Edited {
    /// The edits that take this one back.
    pub fn reversed(&self) -> Vec<Edit> {
        let back = |change: &Change| Edit {
            path: change.path.clone(),
            value: change.before.clone(),
            text: Some(change.text.reversed()),
        };
        self.changes.iter().map(back).collect()
    }
}
