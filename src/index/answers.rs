//! What the indexes say of projects, each question asked once. Of single wheels: see `wheels`.

use std::collections::HashMap;
use std::sync::Arc;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{PackageName, VersionOrUrl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::cache::Kept;
use super::fetch::{Asked, Fetcher};
use super::memo::Memo;
use super::page::{BadPage, Format, Page, direct, merged};
use super::sources::Place;
use super::wheels::{Locked, Wheels};
use super::{Error, Project, Sources, Target};
use crate::digest::Sha256;
use crate::net::redacted;
use crate::spec::{SourceKind, SourceName, Spec};
use crate::ui::Bar;

/// Everything asked so far.
pub(super) struct Answers {
    pub fetcher: Fetcher,
    pub sources: Sources,
    pub target: Target,
    pub bar: Bar,
    /// What the spec itself says about torch: PyG pages of other releases are not looked at.
    torch: Vec<VersionSpecifiers>,
    projects: Memo<PackageName, Arc<Project>>,
    pages: Memo<Url, Option<Arc<Page>>>,
    pub wheels: Wheels,
}

impl Answers {
    pub fn new(
        spec: &Spec,
        target: Target,
        sources: Sources,
        fetcher: Fetcher,
        bar: Bar,
        locked: HashMap<Sha256, Locked>,
    ) -> Self {
        let of_torch = spec.wishes().filter(|(_, w)| w.requirement.name.as_ref() == TORCH);
        let torch = of_torch.filter_map(|(_, w)| match &w.requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers.clone()),
            _ => None,
        });
        Self {
            fetcher,
            sources,
            target,
            bar,
            torch: torch.collect(),
            projects: Memo::default(),
            pages: Memo::default(),
            wheels: Wheels::knowing(locked),
        }
    }

    /// The project from the first of its sources that has it.
    pub async fn project(&self, name: &PackageName) -> Result<Arc<Project>, Error> {
        self.projects
            .get(name, || async {
                if let Some(wheel) = self.sources.direct(name) {
                    return Ok(Arc::new(direct(name, wheel, &self.target)));
                }
                let mut asked = Vec::new();
                for source in self.sources.of(name) {
                    let Some(place) = self.sources.place(source) else { continue };
                    let project = match place.kind {
                        SourceKind::Simple => self.simple(name, source, place, &mut asked).await?,
                        SourceKind::FindLinks => {
                            self.flat(name, source, place, &mut asked).await?.map(Arc::new)
                        }
                        SourceKind::Pyg => {
                            self.pyg(name, source, place, &mut asked).await?.map(Arc::new)
                        }
                    };
                    if let Some(project) = project {
                        tracing::info!("{name} is taken from the source {source}");
                        return Ok(project);
                    }
                }
                Err(Error::NotFound { name: name.to_string(), asked: listed(&asked) })
            })
            .await
    }

    async fn simple(
        &self,
        name: &PackageName,
        source: &SourceName,
        place: &Place,
        asked: &mut Vec<Url>,
    ) -> Result<Option<Arc<Project>>, Error> {
        let url = place.page(name);
        asked.push(url.clone());
        self.bar.message(name.to_string());
        let Target { python, tags, cuda, cut_off } = &self.target;
        let question = format!("{url}\n{name}\n{source}\n{python} {tags:?} {cuda} {cut_off:?}");
        let read = |page: Page| {
            let mut project = page.project(name, source, &self.target)?;
            let may_keep = project.candidates.iter_mut().all(|c| conceal(&mut c.url, &url));
            Ok((Arc::new(project), may_keep))
        };
        let mut project = self.kept("pages", &Sha256::of(question), &url, read).await?;
        if let Some(project) = project.as_mut().filter(|_| has_credentials(&url)) {
            Arc::make_mut(project).candidates.iter_mut().for_each(|c| lend(&mut c.url, &url));
        }
        Ok(project)
    }

    /// What `read` makes of the page at `url`, and says may be kept: from the cache while that may be
    /// believed, else from the server, which need not send again what did not change.
    async fn kept<T: Clone + Serialize + DeserializeOwned + Send + 'static>(
        &self,
        kind: &'static str,
        key: &Sha256,
        url: &Url,
        read: impl FnOnce(Page) -> Result<(T, bool), BadPage>,
    ) -> Result<Option<T>, Error> {
        let read = |page: Option<Page>| match page.map(read).transpose() {
            Ok(Some((answer, may_keep))) => Ok((Some(answer), may_keep)),
            Ok(None) => Ok((None, true)),
            Err(bad) => Err(Error::page(url, &bad)),
        };
        let Some(cache) = self.fetcher.cache() else {
            return Ok(read(self.fetcher.page(url).await?)?.0);
        };
        let known: Option<Kept<Option<T>>> = cache.get(kind, key);
        let ((answer, may_keep), validity) = match known {
            Some(known) if cache.believes(&known.validity) => return Ok(known.answer),
            Some(known) => match self.fetcher.page_unless(url, Some(&known.validity)).await? {
                Asked::Unchanged(now) => ((known.answer, true), now.after(known.validity)),
                Asked::Page(page, validity) => (read(page)?, validity),
            },
            None => match self.fetcher.page_unless(url, None).await? {
                Asked::Page(page, validity) => (read(page)?, validity),
                Asked::Unchanged(_) => return Err(Error::answer(url, "304 to an open question")),
            },
        };
        if may_keep && !validity.forbidden {
            cache.put(kind, key, Kept { answer: answer.clone(), validity });
        }
        Ok(answer)
    }

    async fn flat(
        &self,
        name: &PackageName,
        source: &SourceName,
        place: &Place,
        asked: &mut Vec<Url>,
    ) -> Result<Option<Project>, Error> {
        let url = place.page(name);
        asked.push(url.clone());
        let Some(page) = self.page(&url).await? else { return Ok(None) };
        let project = page.project(name, source, &self.target);
        // A list of files knows a project only by its files.
        project.map(has_files).map_err(|bad| Error::page(&url, &bad))
    }

    async fn pyg(
        &self,
        name: &PackageName,
        source: &SourceName,
        place: &Place,
        asked: &mut Vec<Url>,
    ) -> Result<Option<Project>, Error> {
        let Some(torch) = TORCH.parse().ok().filter(|torch| torch != name) else { return Ok(None) };
        let torch = Box::pin(self.project(&torch)).await?;
        let mut releases: Vec<Vec<u64>> = Vec::new();
        for candidate in &torch.candidates {
            let release = candidate.version.release().to_vec();
            if self.torch.iter().all(|s| s.contains(&candidate.version))
                && !releases.contains(&release)
            {
                releases.push(release);
            }
        }
        let pages = releases.iter().map(|release| async {
            for url in place.pyg_pages(release, self.target.cuda) {
                if let Some(page) = self.page(&url).await? {
                    return Ok(Some((url, page)));
                }
            }
            Ok::<_, Error>(None)
        });
        let pages = futures_util::future::try_join_all(pages).await?;
        asked.extend(releases.iter().flat_map(|r| place.pyg_pages(r, self.target.cuda)));
        let projects = pages.into_iter().flatten().map(|(url, page)| {
            page.project(name, source, &self.target).map_err(|bad| Error::page(&url, &bad))
        });
        Ok(merged(projects.collect::<Result<Vec<_>, _>>()?).and_then(has_files))
    }

    async fn page(&self, url: &Url) -> Result<Option<Arc<Page>>, Error> {
        let asked = url;
        let fetch = || async {
            let read = |page: Page| {
                let address = bare(&page.url);
                Ok(((address, page.format == Format::Json, page.text), true))
            };
            let kept = self.kept("lists", &Sha256::of(url.as_str()), url, read).await?;
            let page = kept.map(|(mut url, json, text)| {
                lend(&mut url, asked);
                Page { url, format: if json { Format::Json } else { Format::Html }, text }
            });
            Ok(page.map(Arc::new))
        };
        self.pages.get(url, fetch).await
    }
}

/// Without credentials: those never go to the disk.
pub(super) fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Takes the credentials out of a link that [`lend`] would put in again. Else the link has some of its own,
/// which have no place on a disk: `false`, and it stays as it is.
fn conceal(link: &mut Url, page: &Url) -> bool {
    if !has_credentials(link) && !has_credentials(page) {
        return true;
    }
    let stripped = bare(link);
    let mut back = stripped.clone();
    lend(&mut back, page);
    let is_lent = back == *link;
    if is_lent {
        *link = stripped;
    }
    is_lent
}

/// Puts the credentials of a page's address into one at the same origin that has none.
fn lend(url: &mut Url, page: &Url) {
    if url.username().is_empty() && url.password().is_none() && url.origin() == page.origin() {
        // As above.
        let _ = url.set_username(page.username());
        let _ = url.set_password(page.password());
    }
}

/// The distribution whose releases decide which PyG pages count.
const TORCH: &str = "torch";

fn has_files(project: Project) -> Option<Project> {
    (!project.candidates.is_empty() || !project.skipped.is_empty()).then_some(project)
}

/// URLs for a message.
pub(super) fn listed(urls: &[Url]) -> String {
    let urls: Vec<_> = urls.iter().map(|u| redacted(u).to_string()).collect();
    if urls.is_empty() { "nothing".to_owned() } else { urls.join(", ") }
}
