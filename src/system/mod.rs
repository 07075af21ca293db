//! Packages of distributions: where their archives are, and what is fetched of them.
pub mod apt_sources;
pub mod archive;
mod distribution;

pub use distribution::Distribution;
