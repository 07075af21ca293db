#![doc = include_str!("../README.md")]

mod candidate;
mod choice;
mod choose;
mod clauses;
mod explain;
mod failure;
mod matching;
mod order;
mod packages;
mod question;
mod refusal;
mod relation;
mod request;
mod requested;
mod search;
mod stanza;
mod status;
mod version;
mod world;

pub use candidate::Malformed;
pub use choice::{Choice, Chosen, Why};
pub use choose::choose;
pub use clauses::Field;
pub use packages::{BadPackages, Packages};
pub use question::{BaseSet, Locked, Question};
pub use refusal::{Explanation, Refusal};
pub use relation::{BadRelation, Operator, Relation, parse_relations};
pub use request::{BadRequest, Request};
pub use stanza::{Stanza, stanzas};
pub use status::{BadStatus, Entry, State, Status};
pub use version::{BadVersion, Version};
