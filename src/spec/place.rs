//! The text of envlock.toml, to point into.

use std::ops::Range;
use std::str::FromStr;

use miette::NamedSource;

use super::{Error, FILE_NAME, Origin};
use crate::login;

/// The text being read, to point into.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Place<'_> {
    pub(super) fn at(
        &self,
        span: Range<usize>,
        message: impl ToString,
        help: impl ToString,
    ) -> Error {
        // A span that came from the defaults does not fit this text; then only the words are shown.
        let span = (span.end <= self.text.len()).then(|| span.into());
        Error::File {
            // What is shown of the file may have a login in it.
            message: login::masked(&message.to_string()),
            help: help.to_string(),
            text: NamedSource::new(self.name, login::masked(self.text)).with_language("TOML"),
            span,
        }
    }

    /// Where a span begins. One of the defaults has no place in this text, and is not asked for.
    pub(super) fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or_default();
        Origin { file: self.name.to_owned(), line: before.matches('\n').count() + 1 }
    }

    pub(super) fn toml(&self, error: &toml::de::Error) -> Error {
        let help = format!("every key is described in the README, section {FILE_NAME}");
        self.at(error.span().unwrap_or(0..0), error.message(), help)
    }

    pub(super) fn name<T: FromStr>(&self, text: &str, what: &str) -> Result<T, Error>
    where
        T::Err: ToString,
    {
        let start = self.text.find(text).unwrap_or(0);
        text.parse().map_err(|e: T::Err| {
            self.at(start..start + text.len(), e.to_string(), format!("rename this {what}"))
        })
    }
}
