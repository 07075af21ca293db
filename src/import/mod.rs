//! What other tools' files ask for, as values: pip's requirements files, pyproject.toml, locks. What envlock does
//! not follow in them is reported or refused, never dropped silently.
mod lines;
mod options;
mod preferences;
mod pyproject;
mod requirements;

pub use lines::{BadText, Line, decode, lines};
pub use preferences::{Preference, preferences};
pub use pyproject::{At, BadPyproject, Pyproject, Selection, pyproject};
pub use requirements::{BadLine, Entry, NotFollowed, entry, requirement_text};
