//! What the indexes say, each question asked once: projects, metadata, wheels, facts.

use std::sync::Arc;

use pep440_rs::VersionSpecifiers;
use pep508_rs::{PackageName, VersionOrUrl};
use url::Url;

use super::fetch::Fetcher;
use super::memo::Memo;
use super::page::{Page, direct, merged};
use super::range::{RemoteWheel, sidecar};
use super::remembered::hash;
use super::sources::Place;
use super::target::build_of;
use super::{Candidate, Error, Project, Sources, Target};
use crate::cuda::CudaTag;
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
            projects: Memo::default(),
            pages: Memo::default(),
            metadata: Memo::default(),
            wheels: Memo::default(),
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
        // Not kept: the project is.
        self.bar.message(name.to_string());
        let Some(page) = self.fetcher.page(&url).await? else { return Ok(None) };
        page.project(name, source, &self.target).map(Some).map_err(|bad| Error::page(&url, &bad))
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
        self.pages.get(url, || async { Ok(self.fetcher.page(url).await?.map(Arc::new)) }).await
    }

    /// The wheel's METADATA, which must be about that wheel.
    pub async fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Error> {
        let url = &candidate.url;
        self.metadata
            .get(url, || async {
                self.bar.inc_length(1);
                self.bar.message(candidate.name.to_string());
                let beside = sidecar(&self.fetcher, url, candidate.sidecar).await?;
                let bytes = match beside {
                    Some(bytes) => bytes,
                    None => {
                        let wheel = self.wheel(url).await?;
                        wheel.metadata(&self.fetcher, &candidate.name).await?.into()
                    }
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
                self.bar.inc(1);
                Ok(Arc::new(metadata))
            })
            .await
    }

    /// Which CUDA the wheel was built for: its version's local part says, or its version.py.
    pub async fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Error> {
        if let Some(build) = build_of(&candidate.version) {
            return Ok(build.parse().ok());
        }
        let wheel = self.wheel(&candidate.url).await?;
        let path = format!("{}/version.py", candidate.name.as_ref().replace('-', "_"));
        let text = wheel.file(&self.fetcher, &path).await?;
        Ok(text.and_then(|text| cuda_build(&String::from_utf8_lossy(&text))))
    }

    async fn wheel(&self, url: &Url) -> Result<Arc<RemoteWheel>, Error> {
        let open = || async { Ok(Arc::new(RemoteWheel::open(&self.fetcher, url).await?)) };
        self.wheels.get(url, open).await
    }

    /// The facts a lock needs. A wheel without a hash in its index is read once, and hashed.
    pub async fn facts(&self, candidate: &Candidate) -> Result<WheelFacts, Error> {
        let url = &candidate.url;
        self.bar.message(candidate.file.clone());
        let wheel = self.wheel(url).await?;
        let same_size = |expected: u64, found: u64| {
            let url = redacted(url);
            if expected == found { Ok(()) } else { Err(Error::Size { url, expected, found }) }
        };
        same_size(candidate.size.unwrap_or(wheel.size), wheel.size)?;
        let sha256 = match (candidate.sha256, wheel.sha256) {
            (Some(expected), Some(found)) if expected != found => {
                let promised_by = "the index page";
                return Err(Error::Hash {
                    url: redacted(url).into(),
                    promised_by,
                    expected,
                    found,
                });
            }
            (None, Some(hash)) => hash,
            // An index is asked again at every build; an address of the user's own is proven now.
            (Some(hash), _) if candidate.location.source != SourceName::wish() => hash,
            (stated, _) => {
                let (sha256, size) = hash(&self.fetcher, url).await?;
                same_size(wheel.size, size)?;
                if let Some(expected) = stated.filter(|stated| *stated != sha256) {
                    return Err(Error::Hash {
                        url: redacted(url).into(),
                        promised_by: "the spec",
                        expected,
                        found: sha256,
                    });
                }
                sha256
            }
        };
        self.bar.inc(1);
        Ok(WheelFacts {
            size: wheel.size,
            unpacked_size: wheel.unpacked_size(),
            sha256,
            uploaded: None,
        })
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
