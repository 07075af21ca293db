#![doc = include_str!("../README.md")]

mod ar;
mod base;
mod conffile;
mod content;
mod control;
mod database;
mod deb;
mod decoder;
mod diversion;
pub mod effects;
mod error;
#[cfg(test)]
mod fixture;
mod header;
mod known;
mod layer;
mod layer_key;
mod node;
mod path;
mod relation;
mod spool;
mod stanza;
mod status;
mod tar_stream;
mod tree;
mod unpack;
mod version;

pub use content::{Content, Reader, Spooled};
pub use control::{Conffile, Control, ControlFile};
pub use deb::{Deb, Package};
pub use error::{Error, Flaw};
pub use layer::{LayerError, Measured, write_layer};
pub use layer_key::{Compression, LayerSettings};
pub use node::{Kind, Node, Owner};
pub use path::PathError;
pub use stanza::Stanza;
pub use tree::{ReadError, Tree};
pub use unpack::unpack;
