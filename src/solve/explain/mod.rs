//! Explains conflicts: which requirements clash, through what, what to change.
mod advice;
mod change;
mod conflict;
mod proof;
#[cfg(test)]
mod tests;
mod together;
mod words;

pub(super) use change::Change;
pub use change::TargetChange;
pub(super) use conflict::unusable;
pub use conflict::{Conflict, Elsewhere};
pub use proof::Tree;
pub(super) use together::conflict;
pub(super) use words::and;
