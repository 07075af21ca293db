//! What a wheel must be to be installed: its zip, its names, its RECORD. Pure; whoever reads wheels, from
//! afar or from a disk, asks here.
mod directory;
mod flaw;
mod identity;
mod names;
mod record;
pub mod zip;

pub use directory::{check, in_data_folder};
pub use flaw::Flaw;
pub use identity::identity;
pub use record::{Doubt, RecordedHash, Row, Rows, write};
