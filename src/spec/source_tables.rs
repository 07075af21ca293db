//! `[sources]` and `[registry.mirrors]` of envlock.toml: where distributions come from.

use std::collections::BTreeMap;

use toml::Spanned;
use url::Url;

use super::place::{Place, SCHEMES};
use super::tables::{KindWord, SourceTable};
use super::{DIRECT, Error, SourceKind, SourceName, SourceSpec};
use crate::cuda::CudaTag;
use crate::login::{self, Login};

/// The source whose address is found where Python users keep it.
pub(super) const PYPI: &str = "pypi";

/// The placeholder for the CUDA tag in an address.
const CUDA: &str = "{cuda}";

pub(super) fn sources(
    tables: BTreeMap<SourceName, SourceTable>,
    cuda: CudaTag,
    logins: &mut Vec<(Url, Login)>,
    place: &Place,
) -> Result<BTreeMap<SourceName, SourceSpec>, Error> {
    let source = |(name, table): (SourceName, SourceTable)| {
        if name.as_str() == DIRECT {
            let message = format!("`{DIRECT}` is what a lock calls an address in the spec itself");
            return Err(place.at(place.key(&["sources", DIRECT]), message, "rename this source"));
        }
        let kind = match table.kind.as_ref().map(|kind| *kind.get_ref()) {
            None | Some(KindWord::Simple) => SourceKind::Simple,
            Some(KindWord::FindLinks) => SourceKind::FindLinks,
            Some(KindWord::Pyg) => SourceKind::Pyg,
            Some(KindWord::Deb) => unreachable!("`archives` took these out"),
        };
        if let Some(span) = table.keys_of_archives() {
            let message =
                format!("the source `{name}` is an index of wheels, which has no such key");
            return Err(place.at(span, message, "write it under a source with kind = \"deb\""));
        }
        let mut template = None;
        let url = match table.url {
            None if name.as_str() == PYPI => None,
            None => {
                let message = format!("the source `{name}` has no url");
                let span = place.key(&["sources", name.as_str()]);
                return Err(place.at(span, message, "add url = \"https://…\""));
            }
            Some(text) => {
                let full = text.get_ref().replace(CUDA, &cuda.to_string());
                let has_tag = text.get_ref().contains(CUDA);
                template = has_tag.then(|| login::parse(text.get_ref()).ok()).flatten();
                let read = place.address(&full);
                let (url, login) = read.map_err(|why| place.at(text.span(), why, SCHEMES))?;
                logins.extend(login.map(|login| (url.clone(), login)));
                Some(url)
            }
        };
        let codes = table.ignore_error_codes;
        let ignore_error_codes = codes.map(|codes| error_codes(codes, place)).transpose()?;
        let template = template.map(|(url, _login)| url);
        let exclude_newer = table.exclude_newer.as_ref().map(|value| place.cut_off(value));
        let exclude_newer = exclude_newer.transpose()?;
        Ok((name, SourceSpec { kind, url, template, ignore_error_codes, exclude_newer }))
    };
    tables.into_iter().map(source).collect()
}

/// Only a refusal may mean that something does not exist; a server error does not say.
fn error_codes(codes: Vec<Spanned<u16>>, place: &Place) -> Result<Vec<u16>, Error> {
    let code = |code: Spanned<u16>| match code.get_ref() {
        400..=407 | 409..=428 | 430..=499 => Ok(code.into_inner()),
        other => {
            let message = format!("{other} does not mean that a package does not exist");
            Err(place.at(code.span(), message, "write codes such as 401 or 403"))
        }
    };
    codes.into_iter().map(code).collect()
}

/// The sources with these names.
///
/// # Errors
/// One that is not defined, with its line.
pub(super) fn known_sources(
    names: &[Spanned<SourceName>],
    known: &BTreeMap<SourceName, SourceSpec>,
    place: &Place,
) -> Result<Vec<SourceName>, Error> {
    let source = |name: &Spanned<SourceName>| {
        if known.contains_key(name.get_ref()) {
            return Ok(name.get_ref().clone());
        }
        let message = format!("the source `{}` is not defined", name.get_ref());
        let help = format!("add [sources.{}] with its url", name.get_ref());
        Err(place.at(name.span(), message, help))
    };
    names.iter().map(source).collect()
}

/// Whether a text is the address of a source; login, query, fragment and the last `/` do not matter.
pub fn same_address(url: &Url, text: &str) -> bool {
    let bare = |url: &Url| {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url
    };
    login::parse(text).is_ok_and(|(other, _)| bare(&other) == bare(url))
}

/// Mirrors are `HOST[:PORT][/PREFIX]`; their logins come from the docker config.
pub(super) fn mirrors(mirrors: &BTreeMap<String, String>, place: &Place) -> Result<(), Error> {
    let is_wrong = |mirror: &str| mirror.contains('@') || mirror.contains("://");
    let Some((of, _)) = mirrors.iter().find(|(_, mirror)| is_wrong(mirror)) else { return Ok(()) };
    let message = "a mirror is a host, without a scheme and a login";
    let help = "write HOST[:PORT][/PREFIX]; `docker login HOST` keeps the login";
    Err(place.at(place.key(&["registry", "mirrors", of]), message, help))
}
