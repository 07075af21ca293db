//! Packages: from the pool, or from the snapshot of their day. By sha256 they are the same.

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use reqwest::StatusCode;

use super::address::below;
use super::{Archive, Error};
use crate::digest::Sha256;
use crate::net::redacted;
use crate::store::{self, Address, FileRequest, Verified};
use crate::ui::Bar;

/// A package as the lock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deb {
    /// Its name in messages.
    pub name: String,
    /// The suite whose list named it.
    pub suite: String,
    /// Relative to the archive: `pool/main/c/curl/curl_8.14.1-2_amd64.deb`.
    pub path: String,
    /// Of its bytes.
    pub sha256: Sha256,
    /// Its bytes.
    pub size: u64,
    /// The date of the Release file that it was chosen by: the archive had it then.
    pub day: Option<Timestamp>,
}

impl Archive {
    /// Where a package may be: in each archive's pool, then in the snapshot of its day.
    pub fn request(&self, deb: &Deb) -> FileRequest {
        let pools = self.places.of(&deb.suite).into_iter().map(|place| place.url);
        let snapshot = deb.day.and_then(|day| self.places.snapshot(&deb.suite, day));
        let urls = pools.chain(snapshot).map(|url| Address::from(below(&url, &deb.path)));
        FileRequest {
            name: deb.name.clone(),
            sha256: deb.sha256,
            size: Some(deb.size),
            urls: urls.collect(),
        }
    }

    /// A package's file, from the store or the first address that has it.
    ///
    /// # Errors
    /// Its bytes are others than locked, also where another address is left; no address has it ([`Error::Gone`]), or could be
    /// asked.
    pub async fn fetch(&self, deb: &Deb, bar: &Bar) -> Result<Verified, Error> {
        let request = self.request(deb);
        self.store.fetch_any(&self.client, &request, bar).await.map_err(|error| match error {
            store::Error::Net(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                let asked: Vec<_> =
                    request.urls.iter().map(|at| redacted(&at.url).to_string()).collect();
                Error::Gone { name: request.name, asked: asked.join(", ") }
            }
            error => error.into(),
        })
    }

    /// All these packages in their order, `concurrency` at a time.
    ///
    /// # Errors
    /// The first of [`Archive::fetch`]; files that are complete stay in the store.
    pub async fn fetch_all(
        &self,
        debs: &[Deb],
        concurrency: usize,
        bar: &Bar,
    ) -> Result<Vec<Verified>, Error> {
        stream::iter(debs)
            .map(|deb| async move {
                bar.message(&deb.name);
                self.fetch(deb, bar).await
            })
            .buffered(concurrency.max(1))
            .try_collect()
            .await
    }
}
