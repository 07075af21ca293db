//! The interface to pubgrub: which version to try next, and its dependencies.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};
use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, Ranges,
};

use super::abi;
use super::node::Node;
use super::provider::Provider;
use super::range::range;
use crate::built_for::BuiltFor;
use crate::catalog::{Candidate, Catalog, Problem, Project};
use crate::python::CoreMetadata;
use crate::torch::{TorchAbi, is_torch_family};

type Constraints = DependencyConstraints<Node, Ranges<Version>>;

impl Provider<'_> {
    fn refuse(&self, name: &PackageName, version: Option<&Version>, why: String) -> String {
        self.refused.borrow_mut().insert((name.clone(), version.cloned()), why.clone());
        why
    }

    fn root_dependencies(&self) -> Result<Constraints, String> {
        let mut all = Vec::new();
        for requirement in &self.requirements {
            all.extend(self.constraints(&requirement.pep508, &[])?);
        }
        // A floor is of the public version: the same one may have a local part elsewhere.
        let at_least = |(name, floor): (&PackageName, &Version)| {
            (Node::Package(name.clone()), Ranges::higher_than(floor.clone().without_local()))
        };
        all.extend(self.bounds.floors.iter().map(at_least));
        Ok(intersected(all))
    }

    /// Why this wheel cannot be in any set.
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
            // An extra's node has only what the extra adds.
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
}

impl DependencyProvider for Provider<'_> {
    type P = Node;
    type V = Version;
    type VS = Ranges<Version>;
    type M = String;
    type Err = Problem;
    /// The order of decisions: root, torch, the other requirements, then the rest; among these what conflicts most. It does
    /// not depend on the order of the spec.
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
            Some(name) if self.requested.contains(name) => 2,
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

/// One range for each node: requirements may name a distribution more than once.
fn intersected(all: Vec<(Node, Ranges<Version>)>) -> Constraints {
    let mut merged: BTreeMap<Node, Ranges<Version>> = BTreeMap::new();
    for (node, versions) in all {
        let known = merged.entry(node).or_insert_with(Ranges::full);
        *known = known.intersection(&versions);
    }
    merged.into_iter().collect()
}
