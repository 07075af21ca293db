//! Where a locked wheel is now: its source's page is asked, so that a mirror with other paths works.

use std::sync::Arc;

use url::Url;

use super::answers::listed;
use super::memo::Memo;
use super::page::Page;
use super::sources::{Place, Sources};
use super::{Error, Fetcher};
use crate::digest::Sha256;
use crate::lock::{Location, Package};
use crate::net::redacted;
use crate::spec::SourceKind;

/// Finds the addresses of locked wheels. Each page is fetched once.
pub struct Locator {
    sources: Sources,
    fetcher: Fetcher,
    pages: Memo<Url, Option<Arc<Page>>>,
}

impl Locator {
    /// Looks in these sources.
    pub fn new(sources: Sources, fetcher: Fetcher) -> Self {
        Self { sources, fetcher, pages: Memo::default() }
    }

    /// The wheel's address, from the first of its locations whose page has the file. The bytes there
    /// are still to be checked. Errors: no page has it; a page states another sha256 than the lock.
    pub async fn locate(&self, package: &Package) -> Result<Url, Error> {
        let mut asked = Vec::new();
        for location in &package.locations {
            let Some(place) = self.sources.place(&location.source) else { continue };
            for url in pages(place, package, location) {
                asked.push(url.clone());
                let fetch = || async { Ok(self.fetcher.page(&url).await?.map(Arc::new)) };
                let Some(page) = self.pages.get(&url, fetch).await? else { continue };
                let found = page.find(&package.file).map_err(|bad| Error::page(&url, &bad))?;
                let Some((address, stated)) = found else { continue };
                let stated = stated.and_then(|hex| hex.parse::<Sha256>().ok());
                return match stated.filter(|stated| *stated != package.sha256) {
                    None => Ok(address),
                    Some(found) => Err(Error::Hash {
                        url: redacted(&address).into(),
                        promised_by: "the lock",
                        expected: package.sha256,
                        found,
                    }),
                };
            }
        }
        Err(Error::Gone { file: package.file.clone(), asked: listed(&asked) })
    }
}

/// The pages of a source that may have a locked wheel, in the order to try.
pub fn pages(place: &Place, package: &Package, location: &Location) -> Vec<Url> {
    match place.kind {
        SourceKind::Simple | SourceKind::FindLinks => vec![place.page(&package.name)],
        SourceKind::Pyg => {
            // `…/torch-2.12.0%2Bcu130/FILE` stands on the page `torch-2.12.0+cu130.html`.
            let folder = location.path.rsplit('/').nth(1).unwrap_or_default().replace("%2B", "+");
            let release = folder.strip_prefix("torch-").and_then(|f| f.split_once('+'));
            release.map_or_else(Vec::new, |(version, cuda)| {
                let parts: Vec<u64> = version.split('.').filter_map(|p| p.parse().ok()).collect();
                place.pyg_pages(&parts, cuda)
            })
        }
    }
}
