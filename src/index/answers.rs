//! What the indexes say, each question asked once: projects, metadata, wheels, facts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pep440_rs::VersionSpecifiers;
use pep508_rs::{PackageName, VersionOrUrl};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::cache::Kept;
use super::fetch::{Asked, Fetcher};
use super::memo::Memo;
use super::page::{BadPage, Format, Page, direct, merged};
use super::range::{RemoteWheel, sidecar};
use super::remembered::hash;
use super::sources::Place;
use super::target::build_of;
use super::{Candidate, Error, Project, Sources, Target};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::lock::WheelFacts;
use crate::net::redacted;
use crate::python::{CoreMetadata, cuda_build};
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
    metadata: Memo<Url, Arc<CoreMetadata>>,
    wheels: Memo<Url, Arc<RemoteWheel>>,
    facts: Memo<Url, WheelFacts>,
    seen: Mutex<HashMap<Url, Seen>>,
    /// Sizes, packed and unpacked, that an earlier lock has for these bytes.
    locked: Mutex<HashMap<Sha256, Locked>>,
}

/// What was read of one wheel; true as long as the page says the same of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    /// The head of its METADATA.
    metadata: Option<String>,
    /// Bytes, packed and unpacked.
    sizes: Option<(u64, u64)>,
    /// Which CUDA it was built for, where its version.py was read.
    build: Option<Option<CudaTag>>,
    /// Of all its bytes, where the page does not say and they were read.
    sha256: Option<Sha256>,
}

/// What an earlier lock knows of a wheel's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked_size: u64,
    /// What it was built for; only for what declares a CUDA build.
    pub build: Option<CudaTag>,
}

impl Answers {
    pub fn new(spec: &Spec, target: Target, sources: Sources, fetcher: Fetcher, bar: Bar) -> Self {
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
            locked: Mutex::default(),
            projects: Memo::default(),
            pages: Memo::default(),
            metadata: Memo::default(),
            wheels: Memo::default(),
            facts: Memo::default(),
            seen: Mutex::default(),
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
                        SourceKind::FindLinks => self.flat(name, source, place, &mut asked).await?,
                        SourceKind::Pyg => self.pyg(name, source, place, &mut asked).await?,
                    };
                    if let Some(project) = project {
                        tracing::info!("{name} is taken from the source {source}");
                        return Ok(Arc::new(project));
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
    ) -> Result<Option<Project>, Error> {
        let url = place.page(name);
        asked.push(url.clone());
        self.bar.message(name.to_string());
        let Target { python, tags, cuda, cut_off } = &self.target;
        let question = format!("{url}\n{name}\n{source}\n{python} {tags:?} {cuda} {cut_off:?}");
        let read = |page: Page| {
            let mut project = page.project(name, source, &self.target)?;
            let mut may_keep = true;
            for candidate in &mut project.candidates {
                let stripped = bare(&candidate.url);
                let full = std::mem::replace(&mut candidate.url, stripped);
                let mut back = candidate.url.clone();
                lend(&mut back, &url);
                if back != full {
                    // A link with credentials of its own: those have no place on a disk.
                    (may_keep, candidate.url) = (false, full);
                }
            }
            Ok((Arc::new(project), may_keep))
        };
        let project = self.kept("pages", &Sha256::of(question), &url, read).await?;
        Ok(project.map(|project| {
            let mut project = Arc::unwrap_or_clone(project);
            project.candidates.iter_mut().for_each(|c| lend(&mut c.url, &url));
            project
        }))
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

    /// What is known of this wheel.
    fn seen(&self, candidate: &Candidate) -> Seen {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get(&candidate.url) {
            return seen.clone();
        }
        let seen = self.fetcher.cache().and_then(|cache| {
            // A file without a hash may become another one: its server is asked for its validators.
            let may_believe = candidate.sha256.is_some() || cache.is_offline();
            may_believe.then(|| cache.get("wheels", &key(candidate)))?
        });
        let seen: Seen = seen.unwrap_or_default();
        all.insert(candidate.url.clone(), seen.clone());
        seen
    }

    fn learn(&self, candidate: &Candidate, learn: impl FnOnce(&mut Seen)) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(candidate.url.clone()).or_default();
        learn(seen);
        if let Some(cache) = self.fetcher.cache() {
            cache.put("wheels", &key(candidate), seen.clone());
        }
    }

    /// The wheel's METADATA, which must be about that wheel.
    pub async fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Error> {
        let url = &candidate.url;
        self.metadata
            .get(url, || async {
                let seen = self.seen(candidate).metadata;
                let known = seen.is_some();
                let bytes = match seen {
                    Some(text) => text.into(),
                    None => self.read_metadata(candidate).await?,
                };
                let bad = |why: String| Error::Wheel { url: redacted(url), why };
                let metadata = CoreMetadata::parse(&bytes).map_err(|e| bad(e.to_string()))?;
                let public = |v: &pep440_rs::Version| v.clone().without_local();
                if metadata.name != candidate.name
                    || public(&metadata.version) != public(&candidate.version)
                {
                    let CoreMetadata { name, version, .. } = metadata;
                    return Err(bad(format!("its METADATA is that of {name} {version}")));
                }
                if !known {
                    self.learn(candidate, |seen| seen.metadata = Some(head(&bytes)));
                }
                Ok(Arc::new(metadata))
            })
            .await
    }

    async fn read_metadata(&self, candidate: &Candidate) -> Result<Bytes, Error> {
        self.bar.inc_length(1);
        self.bar.message(candidate.name.to_string());
        let beside = sidecar(&self.fetcher, &candidate.url, candidate.sidecar).await?;
        let bytes = match beside {
            Some(bytes) => bytes,
            None => {
                let wheel = self.wheel(&candidate.url).await?;
                wheel.metadata(&self.fetcher, &candidate.name).await?.into()
            }
        };
        self.bar.inc(1);
        Ok(bytes)
    }

    /// Which CUDA the wheel was built for: its version's local part says, or its version.py.
    pub async fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Error> {
        if let Some(build) = build_of(&candidate.version) {
            return Ok(build.parse().ok());
        }
        if let Some(build) = self.seen(candidate).build {
            return Ok(build);
        }
        if let Some(build) = self.locked(candidate).and_then(|locked| locked.build) {
            return Ok(Some(build));
        }
        let wheel = self.wheel(&candidate.url).await?;
        let path = format!("{}/version.py", candidate.name.as_ref().replace('-', "_"));
        let text = wheel.file(&self.fetcher, &path).await?;
        let build = text.and_then(|text| cuda_build(&String::from_utf8_lossy(&text)));
        self.learn(candidate, |seen| seen.build = Some(build));
        Ok(build)
    }

    async fn wheel(&self, url: &Url) -> Result<Arc<RemoteWheel>, Error> {
        let open = || async { Ok(Arc::new(RemoteWheel::open(&self.fetcher, url).await?)) };
        self.wheels.get(url, open).await
    }

    /// The facts a lock needs. A wheel without a hash in its index is read once, and hashed.
    pub async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        self.facts.get(&candidate.url, || self.read_facts(candidate)).await
    }

    /// The same hash is the same bytes: what an earlier lock knew of them is still true.
    pub fn know_locked(&self, locked: HashMap<Sha256, Locked>) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = locked;
    }

    fn locked(&self, candidate: &Candidate) -> Option<Locked> {
        // An address of the user's own is proven at every resolve.
        let indexed = candidate.location.source != SourceName::wish();
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        locked.get(&candidate.sha256.filter(|_| indexed)?).copied()
    }

    async fn read_facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        let url = &candidate.url;
        let same_size = |expected: u64, found: u64| {
            let url = redacted(url);
            if expected == found { Ok(()) } else { Err(Error::Size { url, expected, found }) }
        };
        let seen = self.seen(candidate);
        if let (Some(sha256), Some((size, unpacked_size))) = (
            candidate.sha256.or(seen.sha256),
            seen.sizes.or_else(|| self.locked(candidate).map(|l| (l.size, l.unpacked_size))),
        ) {
            same_size(candidate.size.unwrap_or(size), size)?;
            return Ok(WheelFacts { size, unpacked_size, sha256, uploaded: None });
        }
        self.bar.message(candidate.file.clone());
        let wheel = self.wheel(url).await?;
        same_size(candidate.size.unwrap_or(wheel.size), wheel.size)?;
        // An index is held to its word at every build; an address of the user's own is proven now.
        let is_wish = candidate.location.source == SourceName::wish();
        let found = match (candidate.sha256, wheel.sha256) {
            (_, Some(found)) => found,
            (Some(stated), None) if !is_wish => stated,
            _ => {
                let (found, size) = hash(&self.fetcher, url).await?;
                same_size(wheel.size, size)?;
                found
            }
        };
        if let Some(expected) = candidate.sha256.filter(|stated| *stated != found) {
            return Err(Error::Hash {
                url: redacted(url).into(),
                promised_by: if is_wish { "the spec" } else { "the index page" },
                expected,
                found,
            });
        }
        let (size, unpacked_size) = (wheel.size, wheel.unpacked_size());
        self.learn(candidate, |seen| {
            seen.sizes = Some((size, unpacked_size));
            seen.sha256 = Some(found).filter(|_| candidate.sha256.is_none());
        });
        Ok(WheelFacts { size, unpacked_size, sha256: found, uploaded: None })
    }
}

/// The name of a wheel's entry in the cache: what its page says of it.
fn key(candidate: &Candidate) -> Sha256 {
    let Candidate { url, sha256, sidecar, .. } = candidate;
    Sha256::of(format!("{}\n{sha256:?}\n{sidecar:?}", bare(url)))
}

/// METADATA without the description below its head.
fn head(metadata: &[u8]) -> String {
    let text = String::from_utf8_lossy(metadata);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Without credentials: those never go to the disk.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
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
