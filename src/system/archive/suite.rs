//! A suite whose Release file was verified.

use debian_archive::{Freshness, Refusal, Release, Replay, Signer, freshness, in_release, replay};
use jiff::Timestamp;

use super::address::below;
use super::places::{Certainty, Place, Places};
use super::signed::{Signed, signed};
use super::{Error, Warning};
use crate::digest::Sha256;
use crate::index::Cache;
use crate::net::{Client, redacted};
use crate::store::Store;

/// The archives of a distribution, as they can be reached from here. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) cache: Cache,
    pub(super) places: Places,
}

/// A Release file that is known from before: the lock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its date.
    pub date: Timestamp,
}

/// A suite, as a trusted key signed it.
#[derive(Debug, Clone)]
pub struct VerifiedSuite {
    /// What was asked for: `trixie-security`.
    pub suite: String,
    /// Of the InRelease file's bytes.
    pub in_release: Sha256,
    /// What it says.
    pub release: Release,
    /// The key whose signature counted.
    pub signer: Signer,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// The address of the archive that has it.
    pub place: Place,
}

impl Archive {
    /// Archives at these places; what is fetched is kept in the store, and Release files in the cache.
    pub fn new(client: Client, store: Store, cache: Cache, places: Places) -> Self {
        Archive { client, store, cache, places }
    }

    /// A suite, from the first address that has it: its Release file, verified, and not older than the one that is `known`.
    ///
    /// # Errors
    /// No address has it ([`Error::NoSuite`], [`Error::Net`]); what it has is not to be trusted, of another suite, older than
    /// what is known, or from the future.
    pub async fn open(
        &self,
        suite: &str,
        known: Option<Known>,
        now: Timestamp,
    ) -> Result<VerifiedSuite, Error> {
        let mut asked = Vec::new();
        let mut unreached = None;
        for place in self.places.of(suite) {
            let url = redacted(&below(&place.url, &in_release(suite)));
            match signed(&self.client, &self.cache, &place, suite, now).await {
                Ok(Some(found)) if self.is_its_own(&place, &found.release) => {
                    return found.verified(suite, known, now, place);
                }
                Ok(_) => asked.push(url.to_string()),
                // Another address may be reached. What is wrong at one is not made good by another.
                Err(error @ Error::Net(_)) => {
                    tracing::debug!(%error, "trying the next address");
                    unreached = Some(error);
                }
                // An archive that others make for this distribution, perhaps.
                Err(error) if place.certainty == Certainty::Possible => {
                    tracing::debug!(%error, "trying the next address");
                    unreached.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        let nowhere = Error::NoSuite { suite: suite.to_owned(), asked: asked.join(", ") };
        Err(unreached.unwrap_or(nowhere))
    }

    /// apt's sources also name archives that others make for a distribution.
    fn is_its_own(&self, place: &Place, release: &Release) -> bool {
        place.certainty == Certainty::Named
            || release.origin.as_deref() == Some(self.places.distribution.origin())
    }

    /// What is not used of the settings, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.places.notes
    }
}

impl Signed {
    fn verified(
        self,
        suite: &str,
        known: Option<Known>,
        now: Timestamp,
        place: Place,
    ) -> Result<VerifiedSuite, Error> {
        let url = redacted(&below(&place.url, &in_release(suite)));
        let Signed { sha256, release, signer, others, instead_of } = self;
        let names = [&release.suite, &release.codename];
        // The path of a flat archive is no suite's name.
        if !suite.ends_with('/') && !names.iter().any(|name| name.as_deref() == Some(suite)) {
            let found: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
            let (suite, found) = (suite.to_owned(), found.join(", "));
            return Err(Error::OtherSuite { url, suite, found });
        }
        if let Some(Known { date: known }) = known
            && let Replay::Older { seen: known, date } = replay(release.date, known)
        {
            return Err(Error::Replayed { url, date, known });
        }
        let mut warnings = Vec::new();
        match freshness(&release, now) {
            Freshness::Current => {}
            Freshness::NotYetValid { date } => return Err(Error::NotYetValid { url, date }),
            Freshness::Stale { valid_until } => {
                warnings.push(Warning::Stale { suite: suite.to_owned(), valid_until });
            }
        }
        warnings.extend(instead_of.map(|date| Warning::Behind {
            suite: suite.to_owned(),
            date,
            used: release.date,
        }));
        let told = others.into_iter().filter(|checked| checked.refusal != Refusal::UnknownKey);
        warnings
            .extend(told.map(|checked| Warning::Signature { suite: suite.to_owned(), checked }));
        let suite = suite.to_owned();
        Ok(VerifiedSuite { suite, in_release: sha256, release, signer, warnings, place })
    }
}
