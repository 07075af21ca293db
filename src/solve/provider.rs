//! The input of one run of pubgrub: the requirements, the target, the candidates, and what was learned on the way.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::{
    ExtraName, MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl,
};
use pubgrub::Ranges;

use super::decided::Decided;
use super::extras::Extras;
use super::lag::Ladder;
use super::node::Node;
use super::question::{Bounds, Question, Refusals};
use super::range::{exactly, is_same_public, names_prerelease, range};
use crate::catalog::{Candidate, Catalog, Problem, Project, Skip};
use crate::cuda::CudaTag;
use crate::spec::{Prereleases, RequirementSpec, Spec};

/// The input of one run, and what was learned on the way.
pub struct Provider<'a> {
    pub(super) requirements: Vec<&'a RequirementSpec>,
    pub(super) spec: &'a Spec,
    pub(super) environment: &'a MarkerEnvironment,
    pub(super) catalog: &'a Decided<'a>,
    /// The names in requirements: they keep their newest version when a transitive distribution can give way.
    pub(super) requested: BTreeSet<PackageName>,
    pub(super) bounds: Bounds,
    pub(super) steps: Cell<usize>,
    /// Distributions for which some requirement names a pre-release.
    prereleases: RefCell<BTreeSet<PackageName>>,
    /// Versions that some requirement names with `==`: only these are chosen although withdrawn.
    pins: RefCell<BTreeMap<PackageName, BTreeSet<Version>>>,
    /// The extras of the requirements.
    pub(super) extras: Extras,
    /// Versions to keep where they still fit.
    pub(super) kept: &'a BTreeMap<PackageName, Version>,
    pub(super) refused: Refusals,
}

impl<'a> Provider<'a> {
    pub(super) fn new(
        question: &Question<'a>,
        mut requirements: Vec<&'a RequirementSpec>,
        bounds: Bounds,
    ) -> Self {
        let Question { spec, environment, catalog, kept, refused } = question.clone();
        // Only for explanations: torch explains most.
        requirements.sort_by_key(|r| r.pep508.name.as_ref() != "torch");
        let requested = requirements.iter().map(|r| r.pep508.name.clone()).collect();
        let explicit = requirements.iter().filter(|r| names_prerelease(&r.pep508));
        let prereleases = explicit.map(|r| r.pep508.name.clone()).collect();
        Provider {
            spec,
            environment,
            catalog,
            requested,
            bounds,
            steps: Cell::new(0),
            prereleases: RefCell::new(prereleases),
            pins: RefCell::default(),
            extras: Extras::of(&requirements),
            refused,
            kept,
            requirements,
        }
    }

    /// What everything must be built for.
    pub(super) fn cuda(&self) -> CudaTag {
        self.spec.target.cuda
    }

    /// Whether its pre-releases may be chosen although there is a final version.
    pub(super) fn may_be_prerelease(&self, name: &PackageName) -> bool {
        self.prereleases.borrow().contains(name)
    }

    /// The candidate of this version.
    pub(super) fn candidate(
        &self,
        name: &PackageName,
        version: &Version,
    ) -> Result<(Arc<Project>, usize), Problem> {
        let project = self.catalog.project(name)?;
        let found = project.candidates.iter().position(|c| c.version == *version);
        let index = found
            .ok_or_else(|| Problem::Stop(format!("{name} {version} disappeared from its index")))?;
        Ok((project, index))
    }

    /// What `requirement`, active for one of `extras`, means for the solver; empty when its marker
    /// is false here.
    pub(super) fn constraints(
        &self,
        requirement: &Requirement<VerbatimUrl>,
        extras: &[ExtraName],
    ) -> Result<Vec<(Node, Ranges<Version>)>, String> {
        if !requirement.evaluate_markers(self.environment, extras) {
            return Ok(vec![]);
        }
        let versions = match &requirement.version_or_url {
            None => Ranges::full(),
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
                self.note_pins(&requirement.name, specifiers);
                range(specifiers)
            }
            // The catalog has exactly the wheel that the requirement names.
            Some(VersionOrUrl::Url(_)) if self.is_requested(requirement) => Ranges::full(),
            Some(VersionOrUrl::Url(url)) => {
                return Err(format!("{} comes from a URL ({url})", requirement.name));
            }
        };
        if names_prerelease(requirement) {
            self.prereleases.borrow_mut().insert(requirement.name.clone());
        }
        let mut nodes = vec![(Node::Package(requirement.name.clone()), versions.clone())];
        let extras =
            requirement.extras.iter().map(|e| Node::Extra(requirement.name.clone(), e.clone()));
        nodes.extend(extras.map(|node| (node, versions.clone())));
        Ok(nodes)
    }

    fn note_pins(&self, name: &PackageName, specifiers: &VersionSpecifiers) {
        let is_pin =
            |s: &&VersionSpecifier| matches!(s.operator(), Operator::Equal | Operator::ExactEqual);
        for pin in specifiers.iter().filter(is_pin) {
            let mut pins = self.pins.borrow_mut();
            pins.entry(name.clone()).or_default().insert(pin.version().clone());
        }
    }

    /// Whether nothing but this version will do, and some requirement names it with `==`.
    fn is_pinned(&self, candidate: &Candidate, versions: &Ranges<Version>) -> bool {
        let pins = self.pins.borrow();
        let named = |pin: &Version| exactly(pin).contains(&candidate.version);
        versions.subset_of(&exactly(&candidate.version))
            && pins.get(&candidate.name).is_some_and(|pins| pins.iter().any(named))
    }

    fn is_requested(&self, requirement: &Requirement<VerbatimUrl>) -> bool {
        let same = |r: &&RequirementSpec| {
            r.pep508.name == requirement.name
                && r.pep508.version_or_url == requirement.version_or_url
        };
        self.requirements.iter().any(same)
    }

    /// The candidate of the version to keep, or of another build of it where that one is missing.
    pub(super) fn kept_in<'p>(&self, project: &'p Project) -> Option<&'p Candidate> {
        let kept = self.kept.get(&project.name)?;
        let exact = project.candidates.iter().find(|c| c.version == *kept);
        exact.or_else(|| project.candidates.iter().find(|c| is_same_public(&c.version, kept)))
    }

    /// What may be chosen in `versions`, best first: finals, then, where they are allowed, pre-releases.
    pub(super) fn usable<'p>(
        &self,
        project: &'p Project,
        versions: &Ranges<Version>,
    ) -> impl Iterator<Item = &'p Candidate> {
        let name = &project.name;
        let asked = |r: &&&RequirementSpec| r.pep508.name == *name && names_prerelease(&r.pep508);
        let is_pre = |c: &Candidate| c.version.any_prerelease();
        let (alike, allowed) = match self.catalog.prereleases(name) {
            Some(Prereleases::Allow) => (true, true),
            Some(Prereleases::IfNecessary) => (false, true),
            Some(Prereleases::Never) => (false, false),
            None => (
                self.requirements.iter().any(|w| asked(&w)) || self.catalog.names_prerelease(name),
                only_prereleases(project)
                    || self.bounds.prereleases
                    || self.may_be_prerelease(name),
            ),
        };
        let finals = move |c: &&Candidate| alike || !is_pre(c);
        let (finals, pre) = (
            project.candidates.iter().filter(finals),
            project.candidates.iter().filter(move |c| allowed && !finals(c)),
        );
        let left = self.catalog.left(name);
        let versions = left.map_or_else(|| versions.clone(), |left| versions.intersection(&left));
        finals.chain(pre).filter(move |c| {
            versions.contains(&c.version) && (!c.yanked || self.is_pinned(c, &versions))
        })
    }

    /// What the requirements for it allow.
    pub(super) fn requested_versions(&self, name: &PackageName) -> Result<Ranges<Version>, String> {
        let mut versions = Ranges::full();
        for requirement in self.requirements.iter().filter(|r| r.pep508.name == *name) {
            let nodes = self.constraints(&requirement.pep508, &[])?;
            let own = nodes.iter().filter(|(node, _)| node.name() == Some(name));
            own.for_each(|(_, range)| versions = versions.intersection(range));
        }
        Ok(versions)
    }

    /// The versions that a requirement could have on its own, as far as is known; the kept one counts as
    /// the newest.
    pub(super) fn ladder(&self, name: &PackageName) -> Ladder {
        let Ok(versions) = self.requested_versions(name) else { return Ladder::default() };
        let Ok(project) = self.catalog.project(name) else { return Ladder::default() };
        let refused = self.refused.borrow();
        let kept = self.kept_in(&project).map(|kept| &kept.version);
        let is_open = |c: &&Candidate| {
            !refused.contains_key(&(c.name.clone(), Some(c.version.clone())))
                && kept.is_none_or(|kept| c.version <= *kept)
        };
        Ladder::of(self.usable(&project, &versions).filter(is_open))
    }
}

/// Whether there are no other versions; a rule may have removed them.
fn only_prereleases(project: &Project) -> bool {
    let candidates = project.candidates.iter().map(|c| &c.version);
    let ruled = project.skipped.iter().filter(|s| matches!(*s.why, Skip::Ruled(_)));
    candidates.chain(ruled.map(|s| &s.version)).all(Version::any_prerelease)
}
