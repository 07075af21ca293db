//! One file on a page, as the page states it. Borrowed: most links are dropped by their name.

use std::borrow::Cow;

use crate::catalog::Sidecar;
use crate::digest::{HashAlgorithm, Sha256, Stated};

/// A link to a distribution file. All text is decoded (entities, JSON escapes, `%2B` in `file`).
#[derive(Debug, Clone, PartialEq)]
pub struct Link<'a> {
    /// The file name.
    pub file: Cow<'a, str>,
    /// Its URL: absolute, root-relative or relative to the page. Without fragment.
    pub href: Cow<'a, str>,
    /// Hex digits of its sha256, when stated.
    pub sha256: Option<Cow<'a, str>>,
    /// Its hashes by other algorithms, in hex digits.
    pub others: Vec<(HashAlgorithm, Cow<'a, str>)>,
    /// Bytes.
    pub size: Option<u64>,
    /// Requires-Python.
    pub requires_python: Option<Cow<'a, str>>,
    /// PEP 592.
    pub yanked: bool,
    /// PEP 658/714.
    pub metadata: Beside<'a>,
    /// RFC 3339.
    pub uploaded: Option<Cow<'a, str>>,
}

/// What a page says about a `.metadata` file; the hash is not parsed yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Beside<'a> {
    /// There is none.
    None,
    /// There is one.
    Unhashed,
    /// There is one, with these hex digits as its sha256.
    Hashed(Cow<'a, str>),
}

impl<'a> From<Cow<'a, str>> for Beside<'a> {
    /// From the attribute of an HTML page: `true` or `sha256=HEX`.
    fn from(text: Cow<'a, str>) -> Self {
        match text.strip_prefix("sha256=") {
            Some(hex) => Beside::Hashed(match &text {
                Cow::Borrowed(text) => Cow::Borrowed(&text[text.len() - hex.len()..]),
                Cow::Owned(_) => Cow::Owned(hex.to_owned()),
            }),
            None if matches!(&*text, "" | "false") => Beside::None,
            None => Beside::Unhashed,
        }
    }
}

impl Link<'_> {
    /// The stated hashes, without a valid sha256.
    pub fn stated(&self) -> Vec<Stated> {
        let others = self.others.iter().map(|(algorithm, hex)| (*algorithm, hex));
        // A malformed sha256 is still a stated hash, and no file has it.
        let broken = self.sha256.as_ref().filter(|hex| hex.parse::<Sha256>().is_err());
        let all = others.chain(broken.map(|hex| (HashAlgorithm::Sha256, hex)));
        all.map(|(algorithm, hex)| Stated { algorithm, hex: hex.to_string() }).collect()
    }

    /// What the page says about a `.metadata` file.
    pub fn sidecar(&self) -> Sidecar {
        match &self.metadata {
            Beside::None => Sidecar::None,
            Beside::Unhashed => Sidecar::Unhashed,
            Beside::Hashed(hex) => hex.parse().map_or(Sidecar::Unhashed, Sidecar::Hashed),
        }
    }
}
