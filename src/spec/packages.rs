//! `[packages]` of envlock.toml: settings of single packages.

use std::collections::BTreeMap;

use pep508_rs::PackageName;

use super::place::Place;
use super::source_tables::known_sources;
use super::tables::PackageTable;
use super::{Error, PackageSpec, SourceName, SourceSpec, Spec};

pub(super) fn packages(
    tables: &BTreeMap<PackageName, PackageTable>,
    known: &BTreeMap<SourceName, SourceSpec>,
    place: &Place,
) -> Result<BTreeMap<PackageName, PackageSpec>, Error> {
    let package = |(name, table): (&PackageName, &PackageTable)| {
        let sources = table.index.as_ref().map(|index| known_sources(index, known, place));
        let exclude_newer = table.exclude_newer.as_ref().map(|value| place.cut_off(value));
        let (sources, is_own) = (sources.transpose()?, table.is_own);
        let exclude_newer = exclude_newer.transpose()?;
        Ok((name.clone(), PackageSpec { sources, is_own, exclude_newer }))
    };
    tables.iter().map(package).collect()
}

impl Spec {
    /// The packages of `[packages]` that have no effect: neither requirements nor needed by any.
    pub fn unused<'a>(
        &'a self,
        is_needed: impl Fn(&PackageName) -> bool + 'a,
    ) -> impl Iterator<Item = &'a PackageName> {
        let asked_for = self.asked_for();
        let own = self.packages.iter().filter(|(_, package)| package.is_own);
        let names = own.map(|(name, _)| name);
        names.filter(move |name| !asked_for.contains(*name) && !is_needed(name))
    }
}
