//! Indexes, hashes and versions from imported files, as values.

use super::{Origin, SourceName};
use crate::import::Preference;
use crate::login;

/// What other files state beside requirements and rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imports {
    /// Indexes that they name.
    pub indexes: Vec<StatedIndex>,
    /// Their settings that are not followed, a sentence each.
    pub not_followed: Vec<String>,
    /// The versions of other locks, in their order of precedence.
    pub preferred: Vec<Preferred>,
}

/// An index that a requirements file names. Its packages are looked for in the group's sources, so it must be one.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedIndex {
    /// `--extra-index-url`
    pub option: String,
    /// As it is written, without login.
    pub address: String,
    /// Where it is written.
    pub origin: Origin,
    /// The sources of the group.
    pub sources: Vec<SourceName>,
}

impl StatedIndex {
    pub(super) fn new(
        option: &str,
        address: &str,
        origin: Origin,
        sources: Vec<SourceName>,
    ) -> Self {
        StatedIndex { option: option.to_owned(), address: without_login(address), origin, sources }
    }
}

/// A version that is taken first where it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Preferred {
    /// As the other lock has it.
    pub version: Preference,
    /// The other lock.
    pub file: String,
}

fn without_login(address: &str) -> String {
    match login::parse(address) {
        Ok((url, _)) => url.to_string(),
        Err(_) => login::masked(address),
    }
}
