//! Packages of the base image's distribution, as values: `[system]`, and what is stated of a distribution's archive.

use std::collections::BTreeSet;

use apt_solver::Request;
use camino::Utf8PathBuf;
use url::Url;

/// `[system]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemSpec {
    /// What every image gets.
    pub packages: Vec<Request>,
    /// Whether what a package recommends comes with it.
    pub recommends: bool,
    /// Packages whose maintainer scripts are left out although nothing is known of what they do.
    pub skipped_scripts: BTreeSet<String>,
}

/// An archive of a distribution, where something is stated of it: `[sources.debian]` with `kind = "deb"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveSpec {
    /// The folder that has `dists`; `None`: apt's settings on this machine say it.
    pub url: Option<Url>,
    /// The file with the only keys whose signatures count, relative to the project folder.
    pub keyring: Option<Utf8PathBuf>,
    /// Where older states are, with `@SNAPSHOTID@` for the time.
    pub snapshots: Option<String>,
    /// The sections that are used; `None`: those that the distribution supports.
    pub components: Option<Vec<String>>,
}
