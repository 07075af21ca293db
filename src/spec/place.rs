//! Places in the text of envlock.toml, for errors.

use std::ops::Range;
use std::str::FromStr;

use camino::Utf8PathBuf;
use miette::NamedSource;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::time::cut_off;
use super::{CutOff, Error, Origin};
use crate::login::{self, Login};

/// The text being read, for the places of errors.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// Where relative paths begin; absolute.
    pub(super) folder: Utf8PathBuf,
}

/// Advice for an address that nothing is fetched from.
pub(super) const SCHEMES: &str = "write https://HOST/PATH/, file:///PATH or ./PATH";

/// Whether anything is fetched from such an address: over HTTP, or from this machine.
pub(super) fn is_fetched(url: &Url) -> bool {
    match url.scheme() {
        "http" | "https" => true,
        "file" => url.to_file_path().is_ok(),
        _ => false,
    }
}

/// Whether this is a path, and no address: `./x`, `../x`, `/x`.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with("./") || text.starts_with("../") || text.starts_with('/')
}

impl Place<'_> {
    /// An address or a path, as an address.
    ///
    /// # Errors
    /// A sentence: it is neither, or nothing is fetched from such an address.
    pub(super) fn address(&self, text: &str) -> Result<(Url, Option<Login>), String> {
        if is_path(text) {
            let path = self.folder.join(text);
            let url = Url::from_file_path(&path).map_err(|()| format!("{path} is not a path"))?;
            // Without `.` and `..`.
            return login::parse(url.as_str()).map_err(|e| e.to_string());
        }
        let (url, login) = login::parse(text).map_err(|e| format!("this is not a URL: {e}"))?;
        match (is_fetched(&url), url.scheme()) {
            (true, _) => Ok((url, login)),
            (false, "file") => Err("this is not a path on this machine".to_owned()),
            (false, scheme) => Err(format!("nothing is fetched from a `{scheme}:` address")),
        }
    }

    pub(super) fn at(
        &self,
        span: Range<usize>,
        message: impl ToString,
        help: impl ToString,
    ) -> Error {
        // A span from the defaults does not fit this text; then only the message is shown.
        let span = (span.end <= self.text.len()).then(|| span.into());
        Error::File {
            // The shown part of the file may have a login in it.
            message: login::masked(&message.to_string()),
            help: help.to_string(),
            text: NamedSource::new(self.name, login::masked(self.text)).with_language("TOML"),
            span,
        }
    }

    /// The place where a span begins. Not called for spans of the defaults, which have none in this text.
    pub(super) fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or_default();
        Origin { file: self.name.to_owned(), line: before.matches('\n').count() + 1 }
    }

    /// The cut-off of a package or source; `None`: `false`, which means no cut-off.
    pub(super) fn cut_off(&self, value: &Spanned<toml::Value>) -> Result<Option<CutOff>, Error> {
        let help = "write 2026-11-23 (to its end, UTC), 2026-11-23T12:00:00Z, 7 days, or false: no cut-off";
        let wrong = |why: String| self.at(value.span(), why, help);
        match value.get_ref() {
            toml::Value::Boolean(false) => Ok(None),
            toml::Value::String(text) => cut_off(text).map(Some).map_err(wrong),
            other => Err(wrong(format!("`{other}` is not a time"))),
        }
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> Error {
        let help = "`envlock init` writes every key; docs/reference/envlock-toml.md describes them";
        self.at(error.span().unwrap_or(0..0), error.message(), help)
    }

    /// A key, as a name; `path` is where it is.
    pub(super) fn name<T: FromStr>(&self, path: [&str; 2], what: &str) -> Result<T, Error>
    where
        T::Err: ToString,
    {
        let [_, text] = path;
        text.parse().map_err(|e: T::Err| {
            self.at(self.key(&path), e.to_string(), format!("rename this {what}"))
        })
    }

    /// Where a key is written, by the keys that lead to it from the top of the file or of a profile. A key of the
    /// defaults has no place in the text. For errors: it reads the file again.
    pub(super) fn key(&self, path: &[&str]) -> Range<usize> {
        let document = DeTable::parse(self.text).map(Spanned::into_inner).unwrap_or_default();
        let profiles = entry(&document, "profiles").and_then(|(_, profiles)| profiles.as_table());
        let profiles = profiles.into_iter().flat_map(|profiles| profiles.iter());
        let profiles = profiles.filter_map(|(_, profile)| profile.get_ref().as_table());
        let mut tables = std::iter::once(&document).chain(profiles);
        tables.find_map(|table| key_in(table, path)).unwrap_or(usize::MAX..usize::MAX)
    }
}

fn key_in(table: &DeTable, path: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let (span, value) = entry(table, first)?;
    if rest.is_empty() { Some(span) } else { key_in(value.as_table()?, rest) }
}

fn entry<'a>(table: &'a DeTable<'a>, key: &str) -> Option<(Range<usize>, &'a DeValue<'a>)> {
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some((name.span(), value.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_is_written_and_not_where_its_letters_come_first() {
        let text = "# mirror of sources.corp\n[sources]\ncorp = { format = \"html\" }\n\
                    [profiles.cpu.groups.extra]\n[python]\n\"mirror\" = 1\n";
        let place = Place { name: "envlock.toml", text, folder: "/".into() };
        let found = |path: &[&str]| {
            let span = place.key(path);
            (text[..span.start].matches('\n').count() + 1, &text[span])
        };
        assert_eq!(found(&["sources", "corp"]), (3, "corp"));
        assert_eq!(found(&["python", "mirror"]), (6, "\"mirror\""));
        assert_eq!(found(&["groups", "extra"]), (4, "extra"));
        assert_eq!(place.key(&["groups", "torch"]), usize::MAX..usize::MAX);
    }
}
