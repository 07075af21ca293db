//! Finds where a locked wheel is now, by the page of its source, so that a mirror with other paths works.

use std::sync::Arc;

use url::Url;

use super::index_client::listed;
use super::once_map::OnceMap;
use super::pages::page::{Found, Page};
use super::sources::{Place, Sources};
use super::{Error, Fetcher};
use crate::built_for::BuiltFor;
use crate::lock::{Location, Package};
use crate::net::redacted;
use crate::spec::{SourceKind, SourceName};
use crate::store::Address;

/// Finds the URLs of locked wheels. Each page is requested once.
pub struct Locator {
    sources: Sources,
    fetcher: Fetcher,
    pages: OnceMap<Url, Option<Arc<Page>>>,
}

impl Locator {
    /// A locator over these sources.
    pub fn new(sources: Sources, fetcher: Fetcher) -> Self {
        Self { sources, fetcher, pages: OnceMap::default() }
    }

    /// The URLs of the wheel, preferred first: from the pages of the lock's locations, then of the sources that its
    /// requirement has today. The bytes are not verified. A source that fails or does not have the file is skipped while another has it.
    ///
    /// # Errors
    /// The page of a locked location states another sha256 than the lock. No page has the file: the first failure, or
    /// [`Error::Gone`].
    pub async fn addresses(&self, package: &Package) -> Result<Vec<Address>, Error> {
        let (mut found, mut asked, mut problem) = (Vec::new(), Vec::new(), None);
        for (source, location) in self.places(package) {
            if *source == SourceName::direct() {
                found.extend(
                    self.sources.direct(&package.name).map(|wheel| wheel.url.clone().into()),
                );
                continue;
            }
            let Some(place) = self.sources.place(source) else { continue };
            for url in pages(place, package, location) {
                asked.push(url.clone());
                match self.on_page(&url, place, package).await {
                    Ok(Some(address)) if found.iter().any(|a: &Address| a.url == address.url) => {}
                    Ok(Some(address)) => found.push(address),
                    Ok(None) => continue,
                    Err(error @ Error::Hash { .. }) if location.is_some() => return Err(error),
                    Err(error) => {
                        tracing::debug!(%error, file = package.file, "skipping {source}");
                        problem.get_or_insert(error);
                    }
                }
                break;
            }
        }
        match (found.is_empty(), problem) {
            (false, _) => Ok(found),
            (true, Some(error)) => Err(error),
            (true, None) => Err(Error::Gone { file: package.file.clone(), asked: listed(&asked) }),
        }
    }

    /// The lock's locations, then the other sources of the requirement.
    fn places<'a>(
        &'a self,
        package: &'a Package,
    ) -> impl Iterator<Item = (&'a SourceName, Option<&'a Location>)> {
        let locked = package.locations.iter().map(|l| (&l.source, Some(l)));
        let is_new = |s: &&SourceName| !package.locations.iter().any(|l| l.source == **s);
        let requested = self.sources.of(&package.name).iter().filter(is_new);
        locked.chain(requested.map(|source| (source, None)))
    }

    async fn on_page(
        &self,
        url: &Url,
        place: &Place,
        package: &Package,
    ) -> Result<Option<Address>, Error> {
        let fetch = || async { Ok(self.fetcher.page(url, &place.absent()).await?.map(Arc::new)) };
        let Some(page) = self.pages.get(url, fetch).await? else { return Ok(None) };
        let found = page.find(&package.file).map_err(|bad| Error::page(url, &bad))?;
        let Some(Found { url, sha256, stated }) = found else { return Ok(None) };
        match sha256.filter(|stated| *stated != package.sha256) {
            None => Ok(Some(Address { url, stated })),
            Some(found) => Err(Error::Hash {
                url: redacted(&url).into(),
                promised_by: "the lock",
                expected: package.sha256,
                found,
            }),
        }
    }
}

/// The pages of a source that may have a locked wheel, in the order to try.
pub fn pages(place: &Place, package: &Package, location: Option<&Location>) -> Vec<Url> {
    match place.kind {
        SourceKind::Simple | SourceKind::FindLinks => vec![place.page(&package.name)],
        SourceKind::Pyg => {
            // `…/torch-2.12.0%2Bcu130/FILE` is on the page `torch-2.12.0+cu130.html`.
            let folder = location.and_then(|l| l.path.rsplit('/').nth(1)).unwrap_or_default();
            let folder = folder.replace("%2B", "+");
            let release = folder.strip_prefix("torch-").and_then(|f| f.split_once('+'));
            if let Some((version, cuda)) = release {
                let parts: Vec<u64> = version.split('.').filter_map(|p| p.parse().ok()).collect();
                return place.pyg_pages(&parts, cuda);
            }
            // Elsewhere the version names the torch release: `0.9.0+pt214cu130`.
            let built = BuiltFor::of(&package.version);
            let cuda = built.accelerator.and_then(|accelerator| accelerator.tag());
            built.torch.zip(cuda).map_or_else(Vec::new, |((major, minor), cuda)| {
                place.pyg_pages(&[major, minor], cuda)
            })
        }
    }
}
