//! Required and preferred wishes: a preferred one joins when it costs no required wish a version.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};
use pubgrub::PubGrubError;

use super::explain::Conflict;
use super::node::Node;
use super::provider::{Provider, root_version};
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
}

/// The set of all required wishes and as many preferred ones as cost nothing, earlier ones first.
pub(super) fn answer<'a>(
    spec: &'a Spec,
    environment: &'a MarkerEnvironment,
    catalog: &'a dyn Catalog,
    kept: &'a BTreeMap<PackageName, Version>,
) -> Result<Answer<'a>, Error> {
    let solve = |wishes: Vec<&'a Wish>| {
        let provider = Provider::new(wishes, spec.target.cuda, environment, catalog, kept);
        settled(&provider).map(|settled| (provider, settled))
    };
    let all = spec.wishes().map(|(_, wish)| wish);
    let (preferred, required): (Vec<_>, Vec<_>) =
        all.partition(|wish| wish.strength == Strength::Preferred);
    let (mut provider, mut settled) = solve(required.clone())?;
    let without: BTreeMap<PackageName, Version> = required
        .iter()
        .filter_map(|w| settled.get(&w.requirement.name))
        .map(|s| (s.candidate.name.clone(), s.candidate.version.clone()))
        .collect();
    let (mut taken, mut left_out, mut said) = (required, vec![], vec![]);
    for wish in preferred {
        let mut wishes = taken.clone();
        wishes.push(wish);
        // Groups are walked in the spec's order; the solver's order of wishes must be the same.
        wishes.sort_by_key(|w| spec.wishes().position(|(_, other)| std::ptr::eq(other, *w)));
        let name = &wish.requirement.name;
        match solve(wishes.clone()) {
            Ok((with, set)) => match cost(&without, &set) {
                None => (provider, settled, taken) = (with, set, wishes),
                Some(cost) => {
                    left_out.push(wish);
                    said.push(format!("{name} is left out (preferred): with it {cost}"));
                }
            },
            Err(Error::Unsatisfiable(conflict)) => {
                left_out.push(wish);
                let why = conflict.facts.join("; ");
                said.push(format!("{name} is left out (preferred): {why}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Answer { provider, settled, left_out, said })
}

/// The required wish that gets an older version in `set`, torch before others.
fn cost(
    without: &BTreeMap<PackageName, Version>,
    set: &BTreeMap<PackageName, Settled>,
) -> Option<String> {
    let mut older = without.iter().filter_map(|(name, version)| {
        let now = &set.get(name)?.candidate.version;
        (now < version).then(|| (name, format!("{name} would be {now} instead of {version}")))
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
                | PubGrubError::ErrorChoosingVersion { source, .. }
                | PubGrubError::ErrorInShouldCancel(source),
            ) => return Err(Error::Catalog(source.to_string())),
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
