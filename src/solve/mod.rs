//! Candidates → the chosen set. Pure: everything else comes from a [`crate::catalog::Catalog`].
pub mod abi;
pub mod base;
mod behind;
mod decided;
mod dependencies;
mod error;
mod explain;
mod extras;
#[cfg(test)]
pub(crate) mod fixture;
mod found;
mod grouping;
mod held_back;
mod lacking;
mod lag;
mod least_behind;
mod lost_extra;
mod node;
mod optional;
mod provider;
mod question;
mod range;
mod reason;
mod run;
mod solution;
mod surprises;

pub use behind::{Behind, LockedFile, behind};
pub use error::Error;
pub use explain::{Conflict, Elsewhere, TargetChange};
pub use range::{licenses_prereleases, range};
pub use solution::{Solution, possible, solve};
