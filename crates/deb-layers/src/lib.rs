#![doc = include_str!("../README.md")]

mod ar;
mod content;
mod control;
mod deb;
mod decoder;
pub mod effects;
mod error;
#[cfg(test)]
mod fixture;
mod node;
mod path;
mod spool;
mod stanza;
mod tar_stream;
mod tree;

pub use content::{Content, Reader, Spooled};
pub use control::{Conffile, Control, ControlFile};
pub use deb::{Deb, Package};
pub use error::{Error, Flaw};
pub use node::{Kind, Node, Owner};
pub use path::PathError;
pub use stanza::Stanza;
pub use tree::{ReadError, Tree};
