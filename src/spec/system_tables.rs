//! System packages and their archives, as envlock.toml says: `[system]`, `system` of groups and images, `[sources.debian]`.

use std::collections::BTreeMap;
use std::ops::Range;

use apt_solver::Request;
use toml::Spanned;
use url::Url;

use super::place::{Place, SCHEMES};
use super::tables::{KindWord, SourceTable, SystemTable};
use super::{ArchiveSpec, Error, SourceName, SystemSpec};
use crate::login::Login;

/// The distributions whose packages can be locked, by the names that os-release gives them.
const DISTRIBUTIONS: [&str; 2] = ["debian", "ubuntu"];

/// Takes the archives out of the tables of sources: those of kind `deb`, and those named after a distribution.
///
/// # Errors
/// An address that cannot be read; keys of another kind of source.
pub(super) fn archives(
    tables: &mut BTreeMap<SourceName, SourceTable>,
    logins: &mut Vec<(Url, Login)>,
    place: &Place,
) -> Result<BTreeMap<SourceName, ArchiveSpec>, Error> {
    let is_archive = |name: &SourceName, table: &mut SourceTable| match &table.kind {
        Some(kind) => *kind.get_ref() == KindWord::Deb,
        None => DISTRIBUTIONS.contains(&name.as_str()),
    };
    tables
        .extract_if(.., is_archive)
        .map(|(name, table)| Ok((name.clone(), archive(&name, table, logins, place)?)))
        .collect()
}

fn archive(
    name: &SourceName,
    table: SourceTable,
    logins: &mut Vec<(Url, Login)>,
    place: &Place,
) -> Result<ArchiveSpec, Error> {
    if !DISTRIBUTIONS.contains(&name.as_str()) {
        let span = place.key(&["sources", name.as_str()]);
        let message = format!("`{name}` is no distribution whose packages can be locked");
        return Err(place.at(span, message, format!("name it {}", DISTRIBUTIONS.join(" or "))));
    }
    let codes = table.ignore_error_codes.as_ref().and_then(|codes| Some(codes.first()?.span()));
    if let Some(span) = codes.or_else(|| Some(table.exclude_newer.as_ref()?.span())) {
        let message =
            format!("the source `{name}` is an archive of system packages, which has no such key");
        return Err(place.at(span, message, "take the key away"));
    }
    let url = table.url.map(|text| {
        let read = place.address(text.get_ref());
        let (url, login) = read.map_err(|why| place.at(text.span(), why, SCHEMES))?;
        logins.extend(login.map(|login| (url.clone(), login)));
        Ok(url)
    });
    let of_file = |path: Spanned<String>| place.folder.join(path.get_ref());
    Ok(ArchiveSpec {
        url: url.transpose()?,
        keyring: table.keyring.map(of_file),
        snapshots: table.snapshots.map(Spanned::into_inner),
        components: table.components.map(Spanned::into_inner),
    })
}

impl SourceTable {
    /// Where the first key stands that only archives have.
    pub(super) fn keys_of_archives(&self) -> Option<Range<usize>> {
        let texts = [&self.keyring, &self.snapshots].into_iter().flatten();
        let components = self.components.iter().map(Spanned::span);
        texts.map(Spanned::span).chain(components).next()
    }
}

impl SystemSpec {
    /// The table as a value.
    ///
    /// # Errors
    /// A text that is no request, at its place.
    pub(super) fn read(table: SystemTable, place: &Place) -> Result<Self, Error> {
        Ok(SystemSpec {
            packages: requests(table.packages.as_deref().unwrap_or_default(), place)?,
            recommends: table.recommends.unwrap_or(false),
            skipped_scripts: table.scripts.into_keys().collect(),
        })
    }
}

/// Requests as they are written, each with its place.
///
/// # Errors
/// A text that is no request, at its place; an architecture, since the images have one.
pub(super) fn requests(texts: &[Spanned<String>], place: &Place) -> Result<Vec<Request>, Error> {
    let help = "write the name of a package of the base image's distribution, as for apt: curl, libibverbs1, g++>=14";
    let request = |text: &Spanned<String>| -> Result<Request, Error> {
        let request = text.get_ref().parse::<Request>();
        let request = request.map_err(|why| place.at(text.span(), why.to_string(), help))?;
        match request.architecture() {
            None => Ok(request),
            Some(other) => {
                let message =
                    format!("packages of another architecture ({other}) cannot be locked");
                Err(place.at(text.span(), message, help))
            }
        }
    };
    texts.iter().map(request).collect()
}
