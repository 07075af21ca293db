//! The client of all indexes: projects from their pages, each requested once. Single wheels are in `wheels`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use pep440_rs::VersionSpecifiers;
use pep508_rs::{PackageName, VersionOrUrl};
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::cache::Kept;
use super::fetch::{Asked, Fetcher};
use super::known_wheels::{Locked, Wheels};
use super::once_map::OnceMap;
use super::pages::page::{BadPage, Format, Page, direct, merged};
use super::sources::Place;
use super::{Error, Sources};
use crate::catalog::{Project, Target};
use crate::digest::Sha256;
use crate::login;
use crate::net::redacted;
use crate::spec::{SourceKind, SourceName, Spec};
use crate::ui::Bar;

/// Requests to indexes, and everything read so far.
pub(super) struct IndexClient {
    pub fetcher: Fetcher,
    pub sources: Sources,
    pub target: Target,
    pub bar: Bar,
    /// The specifiers of the spec for torch: PyG pages of other releases are not requested.
    torch: Vec<VersionSpecifiers>,
    projects: OnceMap<PackageName, Arc<Project>>,
    pages: OnceMap<Url, Option<Arc<Page>>>,
    pub wheels: Wheels,
    /// The `.metadata` files that were ignored, and why.
    pub passed_over: Mutex<BTreeMap<String, String>>,
}

impl IndexClient {
    pub fn new(
        spec: &Spec,
        target: Target,
        sources: Sources,
        fetcher: Fetcher,
        bar: Bar,
        locked: HashMap<Sha256, Locked>,
    ) -> Self {
        let of_torch = spec.requirements().filter(|(_, r)| r.pep508.name.as_ref() == TORCH);
        let torch = of_torch.filter_map(|(_, r)| match &r.pep508.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => Some(specifiers.clone()),
            _ => None,
        });
        Self {
            fetcher,
            sources,
            target,
            bar,
            torch: torch.collect(),
            projects: OnceMap::default(),
            pages: OnceMap::default(),
            wheels: Wheels::knowing(locked),
            passed_over: Mutex::default(),
        }
    }

    /// The project from the first of its sources that has it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`], or a source that did not say whether it has the project.
    pub async fn project(&self, name: &PackageName) -> Result<Arc<Project>, Error> {
        self.projects
            .get(name, || async {
                if let Some(wheel) = self.sources.direct(name) {
                    return Ok(Arc::new(direct(name, wheel, &self.target)));
                }
                let (mut asked, sources) = (Vec::new(), self.sources.of(name));
                for (at, source) in sources.iter().enumerate() {
                    let Some(place) = self.sources.place(source) else { continue };
                    // The next source, which may have another project of this name, is used only after a clear
                    // "not found".
                    let unclear = |error: Error| error.of(name, source, sources.get(at + 1));
                    let project = self.at(name, source, place, &mut asked).await;
                    if let Some(project) = project.map_err(unclear)? {
                        if let Some(why) = &project.quarantined {
                            let (name, why) = (name.to_string(), why.clone());
                            return Err(Error::Quarantined {
                                name,
                                source_name: source.clone(),
                                why,
                            });
                        }
                        tracing::info!("{name} is taken from the source {source}");
                        return Ok(project);
                    }
                }
                Err(Error::NotFound { name: name.to_string(), asked: listed(&asked) })
            })
            .await
    }

    async fn at(
        &self,
        name: &PackageName,
        source: &SourceName,
        place: &Place,
        asked: &mut Vec<Url>,
    ) -> Result<Option<Arc<Project>>, Error> {
        match place.kind {
            SourceKind::Simple => self.simple(name, source, place, asked).await,
            SourceKind::FindLinks => Ok(self.flat(name, source, place, asked).await?.map(Arc::new)),
            SourceKind::Pyg => Ok(self.pyg(name, source, place, asked).await?.map(Arc::new)),
        }
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
        // The tags name the platform, too.
        let Target { platform: _, python, tags, cuda, cut_offs, times, allow } = &self.target;
        let cut_off = cut_offs.of(name, source);
        let times = cut_off.map(|_| times);
        let allowed = if allow.contains(name) { "any build of " } else { "" };
        let question = format!(
            "{url}\n{allowed}{name}\n{source}\n{python} {tags:?} {cuda} {cut_off:?} {times:?}"
        );
        let read = |page: Page| page.project(name, source, &self.target).map(Arc::new);
        self.cached("pages", question, &url, &place.absent(), read).await
    }

    /// The result of `read` for the page at `url`: from the cache while that is valid, else by a conditional request.
    async fn cached<T: Clone + Serialize + DeserializeOwned + Send + 'static>(
        &self,
        kind: &'static str,
        question: String,
        url: &Url,
        absent: &[StatusCode],
        read: impl FnOnce(Page) -> Result<T, BadPage>,
    ) -> Result<Option<T>, Error> {
        let read =
            |page: Option<Page>| page.map(read).transpose().map_err(|bad| Error::page(url, &bad));
        // Files on this machine are not cached.
        let cache = self.fetcher.cache().filter(|_| url.scheme() != "file");
        let Some(cache) = cache else {
            return read(self.fetcher.page(url, absent).await?);
        };
        let key = &Sha256::of(format!("{question}\n{absent:?}"));
        let known: Option<Kept<Option<T>>> = cache.get(kind, key);
        let (answer, validity) = match known {
            Some(known) if cache.may_reuse(&known.validity) => return Ok(known.answer),
            Some(known) => {
                match self.fetcher.page_unless(url, absent, Some(&known.validity)).await? {
                    Asked::Unchanged(now) => (known.answer, now.after(known.validity)),
                    Asked::Page(page, validity) => (read(page)?, validity),
                }
            }
            None => match self.fetcher.page_unless(url, absent, None).await? {
                Asked::Page(page, validity) => (read(page)?, validity),
                Asked::Unchanged(_) => {
                    return Err(Error::answer(url, "304 to a request without conditions"));
                }
            },
        };
        if !validity.forbidden {
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
        let Some(page) = self.page(&url, place).await? else { return Ok(None) };
        let project = page.project(name, source, &self.target);
        // A list of files has a project only if it lists a file of it.
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
                if let Some(page) = self.page(&url, place).await? {
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

    async fn page(&self, url: &Url, place: &Place) -> Result<Option<Arc<Page>>, Error> {
        let fetch = || async {
            let read = |page: Page| {
                // Credentials in a page's links must not be written to disk.
                Ok((page.url, page.format == Format::Json, login::masked(&page.text)))
            };
            let kept = self.cached("lists", url.to_string(), url, &place.absent(), read).await?;
            let page = kept.map(|(url, json, text)| Page {
                url,
                format: if json { Format::Json } else { Format::Html },
                text,
            });
            Ok(page.map(Arc::new))
        };
        self.pages.get(url, fetch).await
    }
}

/// The distribution whose releases decide which PyG pages are read.
const TORCH: &str = "torch";

fn has_files(project: Project) -> Option<Project> {
    (!project.candidates.is_empty() || !project.skipped.is_empty()).then_some(project)
}

/// URLs, redacted, for a message.
pub(super) fn listed(urls: &[Url]) -> String {
    let urls: Vec<_> = urls.iter().map(|u| redacted(u).to_string()).collect();
    if urls.is_empty() { "nothing".to_owned() } else { urls.join(", ") }
}
