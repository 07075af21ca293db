//! Optional requirements: one is met when no required one gets an older version for it.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};

use super::decided::Decided;
use super::error::Error;
use super::explain::{Conflict, conflict};
use super::found::{Found, Settled};
use super::least_behind::{least_behind, what_gives_way};
use super::lost_extra::not_for_an_extra;
use super::provider::Provider;
use super::question::{Bounds, Floors, Question, Refusals};
use super::run::Unsolved;
use crate::spec::{RequirementSpec, Spec};

/// The distributions of a set, and how it was found.
pub(super) struct Answer<'a> {
    pub question: Question<'a>,
    /// The requirements that are not optional.
    pub required: Vec<&'a RequirementSpec>,
    pub provider: Provider<'a>,
    pub settled: BTreeMap<PackageName, Settled>,
    /// Optional requirements that did not fit.
    pub left_out: Vec<&'a RequirementSpec>,
    /// A sentence for each of them.
    pub said: Vec<String>,
    /// For a requirement that is far behind: what its newest version would cost.
    pub gives_way: BTreeMap<PackageName, String>,
}

/// The set for all requirements that are not optional, none further behind than it must be, and for as many optional
/// ones as cost those nothing.
/// The order of the requirements does not matter.
pub(super) fn answer<'a>(
    spec: &'a Spec,
    environment: &'a MarkerEnvironment,
    catalog: &'a Decided<'a>,
    kept: &'a BTreeMap<PackageName, Version>,
) -> Result<Answer<'a>, Error> {
    let question = Question { spec, environment, catalog, kept, refused: Refusals::default() };
    let required = question.required();
    let names: BTreeSet<_> = required.iter().map(|requirement| &requirement.pep508.name).collect();
    let names: Vec<_> = names.into_iter().collect();
    let bounded = |floors, limit| Ok(question.bounded(&required, floors, limit)?);
    let first = match question.any(&required, Bounds::default()) {
        Ok(first) => first,
        Err(Unsolved::NoSet(none)) => return Err(conflict(&question, &none)?.into()),
        Err(unsolved) => return Err(unsolved.into()),
    };
    let best = least_behind(first, &names, bounded)?;
    not_for_an_extra(&question, &best)?;
    let gives_way = what_gives_way(&best, &names, bounded)?;
    let joined = join(&question, &required, best)?;
    let Joined { found: Found { provider, settled }, left_out, said } = joined;
    Ok(Answer { question, required, provider, settled, left_out, said, gives_way })
}

/// A set for as many optional requirements as cost nothing.
struct Joined<'a> {
    found: Found<'a>,
    left_out: Vec<&'a RequirementSpec>,
    said: Vec<String>,
}

fn join<'a>(
    question: &Question<'a>,
    required: &[&'a RequirementSpec],
    found: Found<'a>,
) -> Result<Joined<'a>, Error> {
    let all = question.spec.requirements().map(|(_, requirement)| requirement);
    let mut optional: Vec<_> = all.filter(|w| w.optional).collect();
    optional.sort_by_key(|r| &r.pep508.name);
    let own = |requirement: &&RequirementSpec| {
        let name = &requirement.pep508.name;
        Some((name.clone(), found.version(name)?.clone()))
    };
    let without: Floors = required.iter().filter_map(own).collect();
    let mut taken = required.to_vec();
    let mut joined = Joined { found, left_out: vec![], said: vec![] };
    for requirement in optional {
        let requirements = [&taken[..], &[requirement]].concat();
        let bounds = Bounds { floors: without.clone(), ..Bounds::default() };
        match question.any(&requirements, bounds) {
            Ok(found) => (joined.found, taken) = (found, requirements),
            Err(Unsolved::NoSet(none)) => {
                joined.left_out.push(requirement);
                let facts = |conflict: Conflict| conflict.facts.join("; ");
                let why = match question.any(&requirements, Bounds::default()) {
                    Ok(found) => cost(&without, &found.settled),
                    Err(Unsolved::NoSet(none)) => Some(facts(Conflict::of(&none))),
                    Err(unsolved) => return Err(unsolved.into()),
                };
                let why = why.unwrap_or_else(|| facts(Conflict::of(&none)));
                let name = &requirement.pep508.name;
                joined.said.push(format!("{name} is left out (optional): {why}"));
            }
            Err(unsolved) => return Err(unsolved.into()),
        }
    }
    Ok(joined)
}

/// The requirement that gets an older version in `set`, torch before others.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::solve;

    /// The set without dependencies, and the sentences.
    fn chosen(groups: &str, optional: &[&str], catalog: &str) -> (String, String) {
        let mut spec = spec(groups);
        for requirement in spec.groups.iter_mut().flat_map(|g| &mut g.requirements) {
            requirement.optional = optional.contains(&requirement.pep508.name.as_ref());
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
    fn an_optional_package_that_would_take_torch_back_is_left_out_and_said() {
        let groups = "torch: torch\npyg: pyg-lib; numpy";
        assert_eq!(
            chosen(groups, &["pyg-lib", "numpy"], TORCH),
            (
                "numpy 2.0, torch 2.15.0+cu130".to_owned(),
                "pyg-lib is left out (optional): with it torch would be 2.14.1+cu130 instead of 2.15.0+cu130".to_owned()
            )
        );
        let (set, _) = chosen(groups, &["numpy"], TORCH);
        assert_eq!(set, "numpy 2.0, pyg-lib 0.9.0+pt214cu130, torch 2.14.1+cu130");
    }

    #[test]
    fn an_optional_package_that_costs_nothing_is_taken() {
        let (set, said) = chosen("torch: torch==2.14.*\npyg: pyg-lib", &["pyg-lib"], TORCH);
        assert_eq!(set, "pyg-lib 0.9.0+pt214cu130, torch 2.14.1+cu130");
        assert_eq!(said, "");
    }

    #[test]
    fn an_optional_package_that_cannot_be_had_is_left_out_with_the_reason() {
        let (set, said) = chosen("torch: torch\ng: extra", &["extra"], TORCH);
        assert_eq!(set, "torch 2.15.0+cu130");
        assert_eq!(
            said,
            "extra is left out (optional): extra 1.0 needs nowhere; pypi has no project nowhere"
        );
    }
}
