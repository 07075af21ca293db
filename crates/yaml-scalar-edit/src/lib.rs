#![doc = include_str!("../README.md")]

mod document;
mod edit;
mod error;
mod guard;
mod locate;
mod path;
mod places;
mod scalar;
mod splice;
mod text_change;

pub use document::{Document, lookup, read};
pub use edit::{Change, Edit, Edited, edit, edit_reversibly, would_change};
pub use error::Error;
pub use path::{InvalidPath, YamlPath};
pub use scalar::Scalar;
pub use text_change::TextChange;
/// What a text says, as the parser of [`yaml_serde`] reads it.
pub use yaml_serde::Value;
