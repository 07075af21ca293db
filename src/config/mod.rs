//! The file that runs the images: finds its image scalars and replaces them without changing any other
//! byte. Pure: bytes in, bytes out. The editing itself is [`yaml_scalar_edit`]'s.
mod diff;
mod error;
mod file;
mod roles;

pub use diff::unified;
pub use error::Error;
pub use file::{edit, edit_reversibly, parse, read, would_change};
pub use roles::{Files, Role, current, plan};
pub use yaml_scalar_edit::{
    Change, Document, Edit, Edited, InvalidPath, Scalar, TextChange, YamlPath as ConfigPath,
};
