//! Names of releases on the command line: `3`, `previous`, `sha256:0f…`.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Error, History, Kind};

/// The fewest hex digits that name an image.
const FEWEST: usize = 6;

/// A requested release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Its number; 0 is the state before the first.
    Number(u64),
    /// What ran before the current state.
    Previous,
    /// The newest with an image of this digest: `sha256:` and its first hex digits.
    Image(String),
}

/// Text that names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither the number of a release, nor `previous`, nor an image's digest (sha256: or sha512: and at least 6 hex digits)"
)]
pub struct BadSelector(String);

impl FromStr for Selector {
    type Err = BadSelector;
    fn from_str(text: &str) -> Result<Self, BadSelector> {
        if text == "previous" {
            return Ok(Selector::Previous);
        }
        if let Ok(number) = text.parse() {
            return Ok(Selector::Number(number));
        }
        // A whole reference, as copied from config.yaml.
        let digest = text.rsplit_once('@').map_or(text, |(_, digest)| digest);
        let hex = |name, most| {
            let hex: &str = digest.strip_prefix(name)?;
            Some(hex).filter(|hex| (FEWEST..=most).contains(&hex.len()))
        };
        let is_digest = hex("sha256:", 64)
            .or_else(|| hex("sha512:", 128))
            .is_some_and(|hex| hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
        match is_digest {
            true => Ok(Selector::Image(digest.to_owned())),
            false => Err(BadSelector(text.to_owned())),
        }
    }
}

impl History {
    /// The number of the selected release. [`History::state`] checks whether there is such a number.
    ///
    /// # Errors
    /// [`Error::NoEarlier`], [`Error::NoSuchImage`], [`Error::SeveralImages`].
    pub fn find(&self, selector: &Selector) -> Result<u64, Error> {
        let prefix = match selector {
            Selector::Number(number) => return Ok(*number),
            Selector::Previous => return self.previous(),
            Selector::Image(prefix) => prefix,
        };
        let builds = self.records.iter().filter(|record| record.kind == Kind::Build);
        let mut found: Option<u64> = None;
        let mut digests = BTreeSet::new();
        for record in builds {
            for image in record.images.values() {
                let digest = image.digest().to_string();
                if digest.starts_with(prefix.as_str()) {
                    found = Some(record.number);
                    digests.insert(digest);
                }
            }
        }
        match (found, digests.len()) {
            (Some(number), 1) => Ok(number),
            (None, _) => Err(Error::NoSuchImage { digest: prefix.clone() }),
            (Some(_), _) => Err(Error::SeveralImages {
                digest: prefix.clone(),
                found: digests.into_iter().collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Record;
    use crate::release::model::tests::record;

    #[test]
    fn numbers_words_digests_and_references_name_a_release() {
        let parsed = |text: &str| text.parse::<Selector>();
        assert_eq!(parsed("0"), Ok(Selector::Number(0)));
        assert_eq!(parsed("previous"), Ok(Selector::Previous));
        assert_eq!(parsed("sha256:abcdef"), Ok(Selector::Image("sha256:abcdef".to_owned())));
        assert_eq!(parsed("r.example/ray@sha256:abcdef"), parsed("sha256:abcdef"));
        let long = format!("sha512:{}", "a".repeat(128));
        assert_eq!(parsed(&long), Ok(Selector::Image(long.clone())));
        for text in [
            "",
            "-1",
            "latest",
            "sha256:abc",
            "sha256:ABCDEF",
            "abcdef",
            "ray:abcdef",
            &format!("{long}a"),
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_digest_means_the_newest_build_that_has_it() {
        let mut third = record(3, Kind::Build, &[]);
        third.images = record(1, Kind::Build, &[]).images;
        let records = [
            record(1, Kind::Build, &[]),
            record(2, Kind::Build, &[]),
            third,
            record(4, Kind::Rollback { to: 2 }, &[]),
        ];
        let add = |h: History, r: &Record| History::parse(&h.with(r).unwrap()).unwrap();
        let history = records.iter().fold(History::default(), add);
        let digest = |at: usize| {
            let image = records[at].images.values().next().unwrap();
            Selector::Image(image.digest().to_string()[..16].to_owned())
        };
        assert_eq!((history.find(&digest(0)).unwrap(), history.find(&digest(1)).unwrap()), (3, 2));
        let none = history.find(&Selector::Image("sha256:000000".to_owned()));
        assert!(matches!(none, Err(Error::NoSuchImage { .. })));
        let all = history.find(&Selector::Image("sha256:".to_owned()));
        assert!(matches!(all, Err(Error::SeveralImages { .. })));
    }
}
