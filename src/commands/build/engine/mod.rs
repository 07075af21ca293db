//! The engines behind one interface.
mod choose;
mod dockerfile;
mod interface;
mod layers;

pub(super) use choose::choose;
pub(super) use interface::{Delivery, Engine, Made};
