#![doc = include_str!("../README.md")]

mod content;
mod node;
mod path;
mod tree;

pub use content::{Content, Spooled};
pub use node::{Kind, Node, Owner};
pub use path::PathError;
pub use tree::{ReadError, Tree};
