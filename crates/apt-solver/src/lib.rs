#![doc = include_str!("../README.md")]

mod packages;
mod relation;
mod request;
mod stanza;
mod status;
mod version;

pub use packages::{BadPackages, Packages};
pub use relation::{BadRelation, Operator, Relation, parse_relations};
pub use request::{BadRequest, Request};
pub use stanza::{Stanza, stanzas};
pub use status::{BadStatus, Entry, State, Status};
pub use version::{BadVersion, Version};
