#![doc = include_str!("../README.md")]

mod change;
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

pub use change::{Change, Edit, Edited};
pub use document::{Document, lookup};
pub use edit::{edit, edit_reversibly, would_change};
pub use error::Error;
pub use locate::read;
pub use path::{InvalidPath, YamlPath};
pub use scalar::Scalar;
pub use text_change::TextChange;
/// What a text says, as the parser of [`yaml_serde`] reads it.
pub use yaml_serde::Value;
