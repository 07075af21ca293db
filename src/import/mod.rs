//! What other tools' files ask for, as values: pip's requirements files, pyproject.toml, locks. What they say and
//! envlock does not follow is told or refused, never dropped.
mod lines;
mod options;
mod preferences;
mod pyproject;
mod requirements;

pub use lines::{BadText, Line, decode, lines};
pub use preferences::{Preference, preferences};
pub use pyproject::{At, BadPyproject, Pyproject, Selection, pyproject};
pub use requirements::{BadLine, Entry, Told, entry, requirement_text};
