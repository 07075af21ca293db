//! The file that runs the images: where its image scalars are, and how they change without another
//! byte changing. Pure: bytes in, bytes out.
mod diff;
mod document;
mod edit;
mod error;
mod guard;
mod locate;
mod path;
mod places;
mod roles;
mod scalar;
mod splice;
mod text_change;

pub use diff::unified;
pub use document::read;
pub use edit::{Change, Edit, Edited, edit, edit_reversibly, is_wanting};
pub use error::Error;
pub use path::{BadPath, ConfigPath};
pub use places::Places;
pub use roles::{Files, Role, current, plan};
pub use scalar::Scalar;
pub use text_change::TextChange;
