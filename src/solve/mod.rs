//! Candidates → the chosen set. Pure: what the solver needs it asks of a [`crate::catalog::Catalog`].
pub mod abi;
pub mod base;
mod decided;
mod explain;
mod extras;
#[cfg(test)]
pub(crate) mod fixture;
mod grouping;
mod held_back;
mod lag;
mod least_behind;
mod node;
mod preferred;
mod provider;
mod question;
mod range;
mod solution;
mod surprises;

pub use explain::{Conflict, Elsewhere, TargetChange};
pub use held_back::{Behind, LockedFile, behind};
pub use range::{licenses_prereleases, range};
pub use solution::{Error, Solution, possible, solve};
