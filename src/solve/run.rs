//! One run of pubgrub, and what it finds.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};
use pubgrub::PubGrubError;

use super::dependencies::root_version;
use super::explain::Tree;
use super::found::{Found, Settled};
use super::node::Node;
use super::provider::Provider;
use super::question::{Bounds, Floors, Question, Refusals};
use crate::catalog::{Catalog, Problem};
use crate::spec::{RequirementSpec, Spec};

/// Steps of the solver after which an optional question stays unanswered.
pub(super) const ENOUGH: usize = 4000;

/// Why one run of pubgrub has no set.
pub(super) enum Unsolved<'a> {
    /// There is none.
    NoSet(Box<NoSet<'a>>),
    /// It took too many steps.
    TooLong,
    /// The catalog failed.
    Catalog(CatalogFailed),
}

/// The message of a catalog that failed; its implementation has the cause.
pub(super) struct CatalogFailed(pub String);

/// The proof that there is no set.
pub(super) struct NoSet<'a> {
    pub tree: Tree,
    pub provider: Provider<'a>,
}

impl<'a> Question<'a> {
    /// Some set, or why there is none.
    pub fn any(
        &self,
        requirements: &[&'a RequirementSpec],
        bounds: Bounds,
    ) -> Result<Found<'a>, Unsolved<'a>> {
        // In the spec's order, as explanations list them.
        let mut requirements = requirements.to_vec();
        requirements.sort_by_key(|w| {
            self.spec.requirements().position(|(_, other)| std::ptr::eq(other, *w))
        });
        let provider = Provider::new(self, requirements, bounds);
        let found = match pubgrub::resolve(&provider, Node::Root, root_version()) {
            Ok(selected) => settle(&provider, &selected.into_iter().collect()),
            Err(PubGrubError::NoSolution(tree)) => {
                return Err(Unsolved::NoSet(Box::new(NoSet { tree, provider })));
            }
            Err(
                PubGrubError::ErrorRetrievingDependencies { source, .. }
                | PubGrubError::ErrorChoosingVersion { source, .. },
            ) => Err(source),
            Err(PubGrubError::ErrorInShouldCancel(_)) => return Err(Unsolved::TooLong),
        };
        match found {
            Ok(settled) => Ok(Found { provider, settled }),
            Err(problem) => Err(Unsolved::Catalog(CatalogFailed(problem.to_string()))),
        }
    }

    /// A set in which nothing is older than its floor; `None`: there is none, or the search takes too long.
    pub fn bounded(
        &self,
        requirements: &[&'a RequirementSpec],
        floors: Floors,
        limit: usize,
    ) -> Result<Option<Found<'a>>, CatalogFailed> {
        match self.any(requirements, Bounds { floors, limit: Some(limit), ..Bounds::default() }) {
            Ok(found) => Ok(Some(found)),
            Err(Unsolved::NoSet(_) | Unsolved::TooLong) => Ok(None),
            Err(Unsolved::Catalog(failed)) => Err(failed),
        }
    }

    /// Whether some set is known for the requirements of `spec` that are not optional, instead of the question's own, in
    /// which nothing is older than its floor.
    pub fn works(&self, spec: &Spec, floors: Floors) -> Result<bool, CatalogFailed> {
        // What is refused may be refused for a requirement that is no longer there.
        let decided = self.catalog.with(&spec.rules, self.environment);
        let refused = Refusals::default();
        let question = Question { spec, refused, catalog: &decided, ..self.clone() };
        Ok(question.bounded(&question.required(), floors, ENOUGH)?.is_some())
    }
}

fn settle(
    provider: &Provider,
    nodes: &BTreeMap<Node, Version>,
) -> Result<BTreeMap<PackageName, Settled>, Problem> {
    let mut extras: BTreeMap<&PackageName, BTreeSet<&ExtraName>> = BTreeMap::new();
    for node in nodes.keys() {
        if let Node::Extra(name, extra) = node {
            extras.entry(name).or_default().insert(extra);
        }
    }
    let mut settled = BTreeMap::new();
    for (node, version) in nodes {
        let Node::Package(name) = node else { continue };
        let (project, index) = provider.candidate(name, version)?;
        let candidate = project.candidates[index].clone();
        let metadata = provider.catalog.metadata(&candidate)?;
        let extras = extras.remove(name).into_iter().flatten().cloned().collect();
        settled.insert(name.clone(), Settled { candidate, metadata, extras });
    }
    Ok(settled)
}
