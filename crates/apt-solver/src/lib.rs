#![doc = include_str!("../README.md")]

mod relation;
mod stanza;
mod version;

pub use relation::{BadRelation, Operator, Relation, parse_relations};
pub use stanza::{Stanza, stanzas};
pub use version::{BadVersion, Version};
