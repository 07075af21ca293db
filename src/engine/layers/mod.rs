//! The engine that needs no daemon: wheels become image layers without being compressed again.
mod build;
mod bytecode;
mod kitchen;
mod made;
mod phases;
pub mod python;
mod refused;
pub mod system;
mod unfit;

pub use build::{Built, Engine, Order};
pub use unfit::{Unfit, check};
