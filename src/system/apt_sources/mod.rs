//! Where apt gets packages from, as it is written: sources.list(5), both styles. Pure.
mod entry;
mod one_line;
mod stanzas;

pub use entry::{BadSources, Entry, SignedBy};
pub use one_line::read_list;
pub use stanzas::read_sources;
