//! The engines as a build sees them.
mod choose;
mod dockerfile;
mod interface;
mod layers;

pub(super) use choose::choose;
pub(super) use interface::{Delivery, Engine, Made};
