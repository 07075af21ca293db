//! Images without a daemon: wheels become layers whose bytes are known before they are written.
pub mod python;
pub mod system;
pub mod tree;
mod unfit;

pub use unfit::{Unfit, check};
