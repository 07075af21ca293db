//! Candidates → the chosen set. Pure: what the solver needs it asks of a [`Catalog`].
mod catalog;

pub use catalog::{Catalog, Problem};
