//! The packages whose files are there, and what is known of them.

use crate::base::BasePackage;
use crate::deb::Deb;
use crate::relation;

/// A package whose files are there: of the base, or of those that are unpacked.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// The field of this name.
    pub(crate) replaces: &'a str,
    pub(crate) multi_arch_same: bool,
    pub(crate) origin: Origin<'a>,
    /// Paths as dpkg lists them, with the leading slash.
    pub(crate) list: Vec<String>,
    /// Its list is not what it was.
    pub(crate) changed: bool,
    /// MD5s of conffiles, as the package brought them.
    pub(crate) conffiles: Vec<(String, String)>,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    Base(&'a BasePackage),
    /// A package of the base that was upgraded.
    Gone,
    Deb(&'a Deb),
}

impl Known<'_> {
    /// Whether a package says that it replaces files of another.
    pub(crate) fn replaces(&self, them: &Known) -> bool {
        // A field of the base that dpkg took is no reason to stop here; one of a package was parsed before.
        let all = relation::parse("Replaces", self.replaces).unwrap_or_default();
        all.iter().flatten().any(|relation| relation.names(them.name, them.version))
    }
}

impl Origin<'_> {
    /// The MD5 that the base's dpkg noted of a conffile.
    pub(crate) fn conffile(&self, path: &str) -> Option<&str> {
        match self {
            Origin::Base(package) => package.conffiles.get(path).map(String::as_str),
            _ => None,
        }
    }
}
