//! The pubgrub side: which version next, and what does it need.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::{
    ExtraName, MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl,
};
use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, Ranges,
};

use super::abi;
use super::decided::Decided;
use super::extras::Extras;
use super::lag::Ladder;
use super::node::Node;
use super::question::Question;
use super::range::{exactly, licenses_prereleases, range};
use crate::built_for::BuiltFor;
use crate::catalog::{Candidate, Catalog, Problem, Project, Skip};
use crate::cuda::CudaTag;
use crate::python::CoreMetadata;
use crate::spec::{Prereleases, Spec, Wish};
use crate::torch::{TorchAbi, is_torch_family};

type Constraints = DependencyConstraints<Node, Ranges<Version>>;

/// One run's view: the wishes, the target and what was learned on the way.
pub struct Provider<'a> {
    pub(super) wishes: Vec<&'a Wish>,
    spec: &'a Spec,
    pub(super) environment: &'a MarkerEnvironment,
    pub(super) catalog: &'a Decided<'a>,
    /// What is asked for: it keeps its newest version when a transitive distribution can give way.
    wished: BTreeSet<PackageName>,
    bounds: Bounds,
    steps: Cell<usize>,
    /// Distributions for which some requirement names a pre-release.
    prereleases: RefCell<BTreeSet<PackageName>>,
    /// What some requirement names with `==`: only so a withdrawn version is chosen.
    pins: RefCell<BTreeMap<PackageName, BTreeSet<Version>>>,
    /// What is asked for with them.
    pub(super) extras: Extras,
    /// Versions to keep where they still fit.
    pub(super) kept: &'a BTreeMap<PackageName, Version>,
    pub(super) refused: Refusals,
}

/// What a run of the solver has to keep to.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// The oldest version that a distribution may have.
    pub floors: Floors,
    /// Steps after which it is given up.
    pub limit: Option<usize>,
    /// Pre-releases may be taken of everything that has no final version.
    pub prereleases: bool,
}

/// Oldest versions.
pub(super) type Floors = BTreeMap<PackageName, Version>;

/// Why a version, or (without one) a whole distribution, cannot be used, whatever else is in the set.
pub(super) type Refusals = Rc<RefCell<BTreeMap<(PackageName, Option<Version>), String>>>;

impl<'a> Provider<'a> {
    pub(super) fn new(question: &Question<'a>, mut wishes: Vec<&'a Wish>, bounds: Bounds) -> Self {
        let Question { spec, environment, catalog, kept, refused } = question.clone();
        // Only for what is told: torch explains most.
        wishes.sort_by_key(|w| w.requirement.name.as_ref() != "torch");
        let wished = wishes.iter().map(|w| w.requirement.name.clone()).collect();
        let explicit = wishes.iter().filter(|w| names_prerelease(&w.requirement));
        let prereleases = explicit.map(|w| w.requirement.name.clone()).collect();
        Provider {
            spec,
            environment,
            catalog,
            wished,
            bounds,
            steps: Cell::new(0),
            prereleases: RefCell::new(prereleases),
            pins: RefCell::default(),
            extras: Extras::of(&wishes),
            refused,
            kept,
            wishes,
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
            .ok_or_else(|| Problem::Stop(format!("{name} {version} vanished from its index")))?;
        Ok((project, index))
    }

    fn refuse(&self, name: &PackageName, version: Option<&Version>, why: String) -> String {
        self.refused.borrow_mut().insert((name.clone(), version.cloned()), why.clone());
        why
    }

    /// What `requirement`, active for one of `extras`, means for the solver; empty when its marker
    /// is false here.
    fn constraints(
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
            // The catalog has exactly the wheel that the wish names.
            Some(VersionOrUrl::Url(_)) if self.is_wished(requirement) => Ranges::full(),
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

    /// Whether nothing but this version will do, and that is what somebody asks for with `==`.
    fn is_pinned(&self, candidate: &Candidate, versions: &Ranges<Version>) -> bool {
        let pins = self.pins.borrow();
        let named = |pin: &Version| exactly(pin).contains(&candidate.version);
        versions.subset_of(&exactly(&candidate.version))
            && pins.get(&candidate.name).is_some_and(|pins| pins.iter().any(named))
    }

    fn is_wished(&self, requirement: &Requirement<VerbatimUrl>) -> bool {
        let same = |w: &&Wish| {
            w.requirement.name == requirement.name
                && w.requirement.version_or_url == requirement.version_or_url
        };
        self.wishes.iter().any(same)
    }

    fn root_dependencies(&self) -> Result<Constraints, String> {
        let mut all = Vec::new();
        for wish in &self.wishes {
            all.extend(self.constraints(&wish.requirement, &[])?);
        }
        // A floor is of the public version: the same one may have a local part elsewhere.
        let at_least = |(name, floor): (&PackageName, &Version)| {
            (Node::Package(name.clone()), Ranges::higher_than(floor.clone().without_local()))
        };
        all.extend(self.bounds.floors.iter().map(at_least));
        Ok(intersected(all))
    }

    /// Why this wheel cannot be in the set, whatever else is.
    fn foreign(&self, candidate: &Candidate) -> Result<Option<String>, Problem> {
        let Candidate { name, version, .. } = candidate;
        if self.spec.cuda_allow.contains(name) {
            return Ok(None);
        }
        if let Some(why) = abi::foreign_toolkit(name, version, self.cuda()) {
            return Ok(Some(why));
        }
        if let Some(built) = BuiltFor::of(version).accelerator {
            return Ok(abi::foreign_local(name, version, &built, self.cuda()));
        }
        if !is_torch_family(name) {
            return Ok(None);
        }
        let found = self.catalog.cuda_build(candidate)?;
        Ok(abi::foreign_build(name, version, found, self.cuda()))
    }

    fn dependencies(
        &self,
        node: &Node,
        version: &Version,
    ) -> Result<Result<Constraints, String>, Problem> {
        let (name, extra) = match node {
            Node::Root => return Ok(self.root_dependencies()),
            Node::Package(name) => (name, None),
            Node::Extra(name, extra) => (name, Some(extra)),
        };
        if let Some(why) = extra.and_then(|extra| self.unknown_extra(name, extra)) {
            return Ok(Err(why));
        }
        let (project, index) = self.candidate(name, version)?;
        let candidate = &project.candidates[index];
        if extra.is_none()
            && let Some(why) = self.foreign(candidate)?
        {
            return Ok(Err(why));
        }
        let metadata = match self.catalog.metadata(candidate) {
            Ok(metadata) => metadata,
            Err(Problem::Unusable(why) | Problem::NotFound(why)) => return Ok(Err(why)),
            Err(stop) => return Err(stop),
        };
        if let Some(extra) = extra
            && let Some(why) = self.lacks(candidate, &metadata, extra)?
        {
            return Ok(Err(why));
        }
        Ok(self.requirements(node, candidate, &metadata))
    }

    fn requirements(
        &self,
        node: &Node,
        candidate: &Candidate,
        metadata: &CoreMetadata,
    ) -> Result<Constraints, String> {
        let mut all = Vec::new();
        let extras: &[ExtraName] = match node {
            Node::Extra(name, extra) => {
                all.push((
                    Node::Package(name.clone()),
                    Ranges::singleton(candidate.version.clone()),
                ));
                std::slice::from_ref(extra)
            }
            _ => &[],
        };
        if let Some(python) = &metadata.requires_python
            && !python.contains(self.environment.python_full_version())
        {
            let here = self.environment.python_full_version();
            return Err(format!(
                "{} {} needs Python {python}, and this is {here}",
                candidate.name, candidate.version
            ));
        }
        for requirement in &metadata.requires {
            // An extra's node carries only what the extra adds.
            if !extras.is_empty() && requirement.evaluate_markers(self.environment, &[]) {
                continue;
            }
            all.extend(self.constraints(requirement, extras)?);
        }
        if let Some(abi) = TorchAbi::of(&candidate.version) {
            let torch: PackageName = "torch".parse().expect("a valid name");
            all.push((Node::Package(torch), range(&abi.torch_requirement())));
        }
        Ok(intersected(all))
    }

    /// The kept version if it is in `versions`, else the newest candidate, finals before pre-releases; yanked ones only when exactly
    /// that version is asked for.
    fn best<'p>(&self, project: &'p Project, versions: &Ranges<Version>) -> Option<&'p Candidate> {
        let kept = self.kept_in(project).filter(|kept| versions.contains(&kept.version));
        if kept.is_some() {
            return kept;
        }
        self.usable(project, versions).next()
    }

    /// The candidate of the version to keep; of another build of it, where that one is not there.
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
        let asked = |w: &&&Wish| w.requirement.name == *name && names_prerelease(&w.requirement);
        let is_pre = |c: &Candidate| c.version.any_prerelease();
        let (alike, allowed) = match self.catalog.prereleases(name) {
            Some(Prereleases::Allow) => (true, true),
            Some(Prereleases::IfNecessary) => (false, true),
            Some(Prereleases::Never) => (false, false),
            None => (
                self.wishes.iter().any(|w| asked(&w)) || self.catalog.names_prerelease(name),
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

    /// What the wishes for it allow.
    pub(super) fn wished_versions(&self, name: &PackageName) -> Result<Ranges<Version>, String> {
        let mut versions = Ranges::full();
        for wish in self.wishes.iter().filter(|w| w.requirement.name == *name) {
            let nodes = self.constraints(&wish.requirement, &[])?;
            let own = nodes.iter().filter(|(node, _)| node.name() == Some(name));
            own.for_each(|(_, range)| versions = versions.intersection(range));
        }
        Ok(versions)
    }

    /// The versions that a wish could have if nothing else were asked for, as far as is known; the kept one stands for
    /// the newest.
    pub(super) fn ladder(&self, name: &PackageName) -> Ladder {
        let Ok(versions) = self.wished_versions(name) else { return Ladder::default() };
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

impl DependencyProvider for Provider<'_> {
    type P = Node;
    type V = Version;
    type VS = Ranges<Version>;
    type M = String;
    type Err = Problem;
    /// Root, torch, the other wishes, then the rest; of these what conflicts most. Not the order of the spec.
    type Priority = (Reverse<u8>, u32, Reverse<Node>);

    fn prioritize(
        &self,
        node: &Node,
        _range: &Ranges<Version>,
        statistics: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let place = match node.name() {
            None => 0,
            // The set is built around the newest torch that everything else allows.
            Some(name) if name.as_ref() == "torch" => 1,
            Some(name) if self.wished.contains(name) => 2,
            Some(_) => 3,
        };
        (Reverse(place), statistics.conflict_count(), Reverse(node.clone()))
    }

    fn choose_version(
        &self,
        node: &Node,
        versions: &Ranges<Version>,
    ) -> Result<Option<Version>, Problem> {
        let Some(name) = node.name() else { return Ok(Some(root_version())) };
        if !self.spec.cuda_allow.contains(name)
            && let Some(why) = abi::foreign_name(name, self.cuda())
        {
            self.refuse(name, None, why);
            return Ok(None);
        }
        match self.catalog.project(name) {
            Ok(project) => Ok(self.best(&project, versions).map(|c| c.version.clone())),
            Err(Problem::NotFound(why) | Problem::Unusable(why)) => {
                self.refuse(name, None, why);
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    fn get_dependencies(
        &self,
        node: &Node,
        version: &Version,
    ) -> Result<Dependencies<Node, Ranges<Version>, String>, Problem> {
        Ok(match self.dependencies(node, version)? {
            Ok(constraints) => Dependencies::Available(constraints),
            Err(why) => match node.name() {
                Some(name) => Dependencies::Unavailable(self.refuse(name, Some(version), why)),
                None => Dependencies::Unavailable(why),
            },
        })
    }

    fn should_cancel(&self) -> Result<(), Problem> {
        self.steps.set(self.steps.get() + 1);
        match self.bounds.limit {
            Some(limit) if self.steps.get() > limit => Err(Problem::Stop(String::new())),
            _ => Ok(()),
        }
    }
}

/// The version of the root; there is only one.
pub fn root_version() -> Version {
    Version::new([0])
}

/// Whether it names a pre-release, or one file, which may be one.
pub(super) fn names_prerelease(requirement: &Requirement<VerbatimUrl>) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => licenses_prereleases(specifiers),
        Some(VersionOrUrl::Url(_)) => true,
        None => false,
    }
}

/// Whether two versions differ in their local parts at most.
pub(super) fn is_same_public(one: &Version, other: &Version) -> bool {
    one.release() == other.release() && one.clone().without_local() == other.clone().without_local()
}

/// Whether there are no others, of which a rule may have left none.
fn only_prereleases(project: &Project) -> bool {
    let candidates = project.candidates.iter().map(|c| &c.version);
    let ruled = project.skipped.iter().filter(|s| matches!(*s.why, Skip::Ruled(_)));
    candidates.chain(ruled.map(|s| &s.version)).all(Version::any_prerelease)
}

/// One range a node: requirements may name a distribution more than once.
fn intersected(all: Vec<(Node, Ranges<Version>)>) -> Constraints {
    let mut merged: BTreeMap<Node, Ranges<Version>> = BTreeMap::new();
    for (node, versions) in all {
        let known = merged.entry(node).or_insert_with(Ranges::full);
        *known = known.intersection(&versions);
    }
    merged.into_iter().collect()
}
