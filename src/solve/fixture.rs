//! A catalog from a few lines of text, for the tests of this folder.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pep508_rs::{MarkerEnvironment, PackageName};

use crate::catalog::{Candidate, Catalog, Problem, Project, Sidecar, Skip, Skipped, WheelFile};
use crate::cuda::CudaTag;
use crate::lock::Location;
use crate::platform::Platform;
use crate::python::{CoreMetadata, marker_environment};
use crate::spec::{Spec, parse};

/// `NAME VERSION[!yanked][!cuNNN]: REQUIREMENT; REQUIREMENT`, one a line; `NAME VERSION!sdist`,
/// `!tags=cp313,…`, `!python=<3.14` and `!uploaded=2026-11-20` (after the cut-off) have no usable wheel;
/// `!at=2026-11-20` says when a usable one was uploaded.
#[derive(Default)]
pub struct MapCatalog {
    projects: BTreeMap<PackageName, Project>,
    metadata: BTreeMap<(PackageName, String), Arc<CoreMetadata>>,
    builds: BTreeMap<(PackageName, String), CudaTag>,
    pub asked: RefCell<Vec<String>>,
    /// The files whose metadata was read.
    pub read: RefCell<BTreeSet<String>>,
}

impl MapCatalog {
    pub fn new(text: &str) -> Self {
        let mut catalog = MapCatalog::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (head, needs) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let (name, version) = head.split_once(' ').unwrap();
            let mut marks = version.split('!');
            let version = marks.next().unwrap();
            catalog.add(name, version, &marks.collect::<Vec<_>>(), needs);
        }
        catalog
    }

    fn add(&mut self, name: &str, version: &str, marks: &[&str], needs: &str) {
        let name: PackageName = name.parse().unwrap();
        let key = (name.clone(), version.to_owned());
        let version: pep440_rs::Version = version.parse().unwrap();
        let project = self.projects.entry(name.clone()).or_insert_with(|| Project {
            name: name.clone(),
            source: "pypi".parse().unwrap(),
            candidates: vec![],
            skipped: vec![],
            quarantined: None,
            withdrawn: vec![],
        });
        let value = |key: &str| marks.iter().find_map(|m| m.strip_prefix(key));
        let tags = |text: &str| text.split(',').map(str::to_owned).collect();
        let why = (marks.contains(&"sdist").then_some(Skip::NoWheel))
            .or(value("tags=").map(|text| Skip::NoMatchingWheel(tags(text))))
            .or(value("python=").map(|text| Skip::RequiresPython(text.parse().unwrap())))
            .or(value("uploaded=")
                .map(|day| Skip::TooNew(format!("{day}T12:00:00Z").parse().unwrap())));
        if let Some(why) = why {
            project.skipped.push(Skipped { version, why: why.into() });
            return;
        }
        if let Some(tag) = marks.iter().find_map(|m| m.parse().ok()) {
            self.builds.insert(key.clone(), tag);
        }
        let requires: Vec<_> = needs
            .split("; ")
            .filter(|n| !n.is_empty())
            .map(|n| n.replace(" if ", "; ").parse().unwrap())
            .collect();
        let extras = needs.split("extra == '").skip(1);
        let extras = extras.filter_map(|n| n.split('\'').next()?.parse().ok()).collect();
        self.metadata.insert(
            key,
            Arc::new(CoreMetadata {
                name: name.clone(),
                version: version.clone(),
                requires,
                requires_python: None,
                extras,
            }),
        );
        let file = format!("{name}-{version}-py3-none-any.whl");
        if marks.contains(&"yanked") {
            project.withdrawn.push(file.clone());
        }
        let wheel = WheelFile {
            url: format!("http://127.0.0.1/{file}").parse().unwrap(),
            location: Location { source: "pypi".parse().unwrap(), path: format!("/{file}") },
            file,
            sha256: None,
            size: None,
            requires_python: None,
            stated: Vec::new(),
            sidecar: Sidecar::None,
        };
        let uploaded = value("at=").map(|day| format!("{day}T12:00:00Z").parse().unwrap());
        let yanked = marks.contains(&"yanked");
        project.candidates.push(Candidate::new(name, version, yanked, uploaded, wheel));
        project.candidates.sort_by(|a, b| b.version.cmp(&a.version));
    }
}

impl Catalog for MapCatalog {
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem> {
        self.asked.borrow_mut().push(name.to_string());
        let project = self.projects.get(name).cloned().map(Arc::new);
        project.ok_or_else(|| Problem::NotFound(format!("pypi has no project {name}")))
    }
    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem> {
        self.read.borrow_mut().insert(candidate.file.clone());
        Ok(self.metadata[&(candidate.name.clone(), candidate.version.to_string())].clone())
    }
    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem> {
        Ok(self.builds.get(&(candidate.name.clone(), candidate.version.to_string())).copied())
    }
}

/// A spec with one group for each line `GROUP: REQUIREMENT; REQUIREMENT`.
pub fn spec(groups: &str) -> Spec {
    spec_with(groups, "")
}

/// The same, with more tables of envlock.toml.
pub fn spec_with(groups: &str, tables: &str) -> Spec {
    let mut text = format!("{tables}\n");
    let mut names = vec![];
    for line in groups.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (name, packages) = line.split_once(": ").unwrap();
        names.push(format!("{name:?}"));
        let packages: Vec<_> = packages.split("; ").map(|p| format!("{p:?}")).collect();
        text.push_str(&format!("[groups.{name}]\npackages = [{}]\n", packages.join(", ")));
    }
    text.push_str(&format!("[images.all]\ngroups = [{}]\n", names.join(", ")));
    parse(crate::spec::FILE_NAME, &text).unwrap()
}

/// CPython 3.14.2 on linux/amd64.
pub fn environment() -> MarkerEnvironment {
    marker_environment(Platform::LINUX_AMD64, &"3.14.2".parse().unwrap())
}
