//! Required and preferred wishes: a preferred one joins when it costs no required wish a version.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use pubgrub::PubGrubError;

use super::explain::Conflict;
use super::least_behind::{Found, least_behind, what_gives_way};
use super::node::Node;
use super::provider::{Bounds, Floors, Provider, Refusals, root_version};
use super::solution::{Error, Settled};
use super::{Catalog, Problem};
use crate::spec::{Spec, Strength, Wish};

/// The distributions of a set, and how it was found.
pub(super) struct Answer<'a> {
    pub provider: Provider<'a>,
    pub settled: BTreeMap<PackageName, Settled>,
    /// Preferred wishes that did not fit.
    pub left_out: Vec<&'a Wish>,
    /// A sentence for each of them.
    pub said: Vec<String>,
    /// For a wish that is far behind: what its newest version would cost.
    pub gives_way: BTreeMap<PackageName, String>,
}

/// What all runs of pubgrub for one answer share.
struct Question<'a> {
    spec: &'a Spec,
    environment: &'a MarkerEnvironment,
    catalog: &'a dyn Catalog,
    kept: &'a BTreeMap<PackageName, Version>,
    refused: Refusals,
}

impl<'a> Question<'a> {
    /// Some set, or why there is none.
    fn any(&self, wishes: &[&'a Wish], bounds: Bounds) -> Result<Found<'a>, Error> {
        // Groups are walked in the spec's order; what is told keeps to it.
        let mut wishes = wishes.to_vec();
        wishes.sort_by_key(|w| self.spec.wishes().position(|(_, other)| std::ptr::eq(other, *w)));
        let (cuda, refused) = (self.spec.target.cuda, Rc::clone(&self.refused));
        let provider =
            Provider::new(wishes, cuda, self.environment, self.catalog, self.kept, refused, bounds);
        settled(&provider).map(|settled| Found { provider, settled })
    }

    /// A set in which nothing is older than its floor.
    fn bounded(
        &self,
        wishes: &[&'a Wish],
        floors: Floors,
        limit: usize,
    ) -> Result<Option<Found<'a>>, Error> {
        match self.any(wishes, Bounds { floors, limit: Some(limit) }) {
            Ok(found) => Ok(Some(found)),
            Err(Error::Unsatisfiable(_) | Error::TooLong) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The set of all required wishes, none further behind than it must be, and as many preferred ones as cost nothing.
/// The order of the wishes does not matter.
pub(super) fn answer<'a>(
    spec: &'a Spec,
    environment: &'a MarkerEnvironment,
    catalog: &'a dyn Catalog,
    kept: &'a BTreeMap<PackageName, Version>,
) -> Result<Answer<'a>, Error> {
    let question = Question { spec, environment, catalog, kept, refused: Refusals::default() };
    let all = spec.wishes().map(|(_, wish)| wish);
    let (mut preferred, required): (Vec<_>, Vec<_>) =
        all.partition(|wish| wish.strength == Strength::Preferred);
    preferred.sort_by_key(|wish| &wish.requirement.name);
    let names: BTreeSet<_> = required.iter().map(|wish| &wish.requirement.name).collect();
    let names: Vec<_> = names.into_iter().collect();
    let bounded = |floors, limit| question.bounded(&required, floors, limit);
    let first = question.any(&required, Bounds::default())?;
    let mut best = least_behind(first, &names, bounded)?;
    let gives_way = what_gives_way(&best, &names, bounded)?;
    let without: Floors = names
        .iter()
        .filter_map(|name| Some(((*name).clone(), best.version(name)?.clone())))
        .collect();
    let (mut taken, mut left_out, mut said) = (required.clone(), vec![], vec![]);
    for wish in preferred {
        let wishes = [&taken[..], &[wish]].concat();
        match question.any(&wishes, Bounds { floors: without.clone(), limit: None }) {
            Ok(found) => (best, taken) = (found, wishes),
            Err(Error::Unsatisfiable(conflict)) => {
                left_out.push(wish);
                let why = match question.any(&wishes, Bounds::default()) {
                    Ok(found) => cost(&without, &found.settled),
                    Err(Error::Unsatisfiable(conflict)) => Some(conflict.facts.join("; ")),
                    Err(error) => return Err(error),
                };
                let why = why.unwrap_or_else(|| conflict.facts.join("; "));
                said.push(format!("{} is left out (preferred): {why}", wish.requirement.name));
            }
            Err(error) => return Err(error),
        }
    }
    let Found { provider, settled } = best;
    Ok(Answer { provider, settled, left_out, said, gives_way })
}

/// The required wish that gets an older version in `set`, torch before others.
fn cost(
    without: &BTreeMap<PackageName, Version>,
    set: &BTreeMap<PackageName, Settled>,
) -> Option<String> {
    let mut older = without.iter().filter_map(|(name, version)| {
        let now = &set.get(name)?.candidate.version;
        (now < version)
            .then(|| (name, format!("with it {name} would be {now} instead of {version}")))
    });
    let first = older.next()?;
    let all = std::iter::once(first).chain(older);
    all.min_by_key(|(name, _)| name.as_ref() != "torch").map(|(_, sentence)| sentence)
}

fn settled(provider: &Provider) -> Result<BTreeMap<PackageName, Settled>, Error> {
    let nodes: BTreeMap<Node, Version> =
        match pubgrub::resolve(provider, Node::Root, root_version()) {
            Ok(selected) => selected.into_iter().collect(),
            Err(PubGrubError::NoSolution(tree)) => {
                return Err(Error::Unsatisfiable(Conflict::new(&tree, provider)));
            }
            Err(
                PubGrubError::ErrorRetrievingDependencies { source, .. }
                | PubGrubError::ErrorChoosingVersion { source, .. },
            ) => return Err(Error::Catalog(source.to_string())),
            Err(PubGrubError::ErrorInShouldCancel(_)) => return Err(Error::TooLong),
        };
    settle(provider, &nodes).map_err(|problem| Error::Catalog(problem.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::solve;

    /// The set without dependencies, and what was said.
    fn chosen(groups: &str, preferred: &[&str], catalog: &str) -> (String, String) {
        let mut spec = spec(groups);
        for wish in spec.groups.iter_mut().flat_map(|g| &mut g.requirements) {
            if preferred.contains(&wish.requirement.name.as_ref()) {
                wish.strength = Strength::Preferred;
            }
        }
        let solution =
            solve(&spec, &environment(), &MapCatalog::new(catalog), &BTreeMap::new()).unwrap();
        let asked = solution.chosen.iter().filter(|c| !c.requested.is_empty());
        let set: Vec<_> =
            asked.map(|c| format!("{} {}", c.candidate.name, c.candidate.version)).collect();
        (set.join(", "), solution.held_back.join("\n"))
    }

    const TORCH: &str = "
        torch 2.15.0+cu130:
        torch 2.14.1+cu130:
        pyg-lib 0.9.0+pt214cu130:
        extra 1.0: nowhere
        numpy 2.0:";

    #[test]
    fn a_preferred_package_that_would_take_torch_back_is_left_out_and_said() {
        let groups = "torch: torch\npyg: pyg-lib; numpy";
        assert_eq!(
            chosen(groups, &["pyg-lib", "numpy"], TORCH),
            (
                "numpy 2.0, torch 2.15.0+cu130".to_owned(),
                "pyg-lib is left out (preferred): with it torch would be 2.14.1+cu130 instead of 2.15.0+cu130".to_owned()
            )
        );
        let (set, _) = chosen(groups, &["numpy"], TORCH);
        assert_eq!(set, "numpy 2.0, pyg-lib 0.9.0+pt214cu130, torch 2.14.1+cu130");
    }

    #[test]
    fn a_preferred_package_that_costs_nothing_is_taken() {
        let (set, said) = chosen("torch: torch==2.14.*\npyg: pyg-lib", &["pyg-lib"], TORCH);
        assert_eq!(set, "pyg-lib 0.9.0+pt214cu130, torch 2.14.1+cu130");
        assert_eq!(said, "");
    }

    #[test]
    fn a_preferred_package_that_cannot_be_had_is_left_out_with_the_reason() {
        let (set, said) = chosen("torch: torch\ng: extra", &["extra"], TORCH);
        assert_eq!(set, "torch 2.15.0+cu130");
        assert_eq!(
            said,
            "extra is left out (preferred): extra 1.0 needs nowhere; pypi has no project nowhere"
        );
    }
}
