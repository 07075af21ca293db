//! Archives of distributions: found, fetched, verified. Nothing is used that the signature of a trusted key does not reach:
//! InRelease → the list of packages → the .deb, each by the hash in the one before.
mod address;
mod ask;
mod debs;
mod error;
mod lists;
mod machine;
mod places;
mod signed;
mod snapshots;
mod suite;
mod unpack;
mod warning;

pub use debs::Deb;
pub use error::Error;
pub use machine::AptSettings;
pub use places::{Own, Place, Places, built_with};
pub use suite::{Archive, Known, VerifiedSuite};
pub use warning::Warning;
