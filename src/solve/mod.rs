//! Candidates → the chosen set. Pure: what the solver needs it asks of a [`Catalog`].
pub mod abi;
pub mod base;
mod catalog;
mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod grouping;
mod held_back;
mod lag;
mod least_behind;
mod node;
mod preferred;
mod provider;
mod range;
mod solution;

pub use catalog::{Catalog, Problem};
pub use explain::Conflict;
pub use held_back::{Behind, behind};
pub use range::range;
pub use solution::{Chosen, Error, Solution, solve};
