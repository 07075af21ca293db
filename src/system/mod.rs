//! Packages of distributions: where their archives are, what is fetched of them, and which of them are chosen.
pub mod apt_sources;
pub mod archive;
mod base;
mod choose;
mod distribution;
mod error;

pub use base::BasePackages;
pub use choose::{List, Offer, archive_pins, choose_system};
pub use distribution::{Distribution, UnknownDistribution};
pub use error::ChoiceError;
