//! Required and preferred wishes: a preferred one joins when it costs no required wish a version.

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
use crate::spec::{Spec, Strength, Wish};

/// The distributions of a set, and how it was found.
pub(super) struct Answer<'a> {
    pub question: Question<'a>,
    /// The required wishes.
    pub required: Vec<&'a Wish>,
    pub provider: Provider<'a>,
    pub settled: BTreeMap<PackageName, Settled>,
    /// Preferred wishes that did not fit.
    pub left_out: Vec<&'a Wish>,
    /// A sentence for each of them.
    pub said: Vec<String>,
    /// For a wish that is far behind: what its newest version would cost.
    pub gives_way: BTreeMap<PackageName, String>,
}

/// The set of all required wishes, none further behind than it must be, and as many preferred ones as cost nothing.
/// The order of the wishes does not matter.
pub(super) fn answer<'a>(
    spec: &'a Spec,
    environment: &'a MarkerEnvironment,
    catalog: &'a Decided<'a>,
    kept: &'a BTreeMap<PackageName, Version>,
) -> Result<Answer<'a>, Error> {
    let question = Question { spec, environment, catalog, kept, refused: Refusals::default() };
    let required = question.required();
    let names: BTreeSet<_> = required.iter().map(|wish| &wish.requirement.name).collect();
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
    let preferred = join(&question, &required, best)?;
    let Joined { found: Found { provider, settled }, left_out, said } = preferred;
    Ok(Answer { question, required, provider, settled, left_out, said, gives_way })
}

/// A set with as many preferred wishes as cost nothing.
struct Joined<'a> {
    found: Found<'a>,
    left_out: Vec<&'a Wish>,
    said: Vec<String>,
}

fn join<'a>(
    question: &Question<'a>,
    required: &[&'a Wish],
    found: Found<'a>,
) -> Result<Joined<'a>, Error> {
    let all = question.spec.wishes().map(|(_, wish)| wish);
    let mut preferred: Vec<_> = all.filter(|w| w.strength == Strength::Preferred).collect();
    preferred.sort_by_key(|wish| &wish.requirement.name);
    let own = |wish: &&Wish| {
        let name = &wish.requirement.name;
        Some((name.clone(), found.version(name)?.clone()))
    };
    let without: Floors = required.iter().filter_map(own).collect();
    let mut taken = required.to_vec();
    let mut joined = Joined { found, left_out: vec![], said: vec![] };
    for wish in preferred {
        let wishes = [&taken[..], &[wish]].concat();
        let bounds = Bounds { floors: without.clone(), ..Bounds::default() };
        match question.any(&wishes, bounds) {
            Ok(found) => (joined.found, taken) = (found, wishes),
            Err(Unsolved::NoSet(none)) => {
                joined.left_out.push(wish);
                let facts = |conflict: Conflict| conflict.facts.join("; ");
                let why = match question.any(&wishes, Bounds::default()) {
                    Ok(found) => cost(&without, &found.settled),
                    Err(Unsolved::NoSet(none)) => Some(facts(Conflict::of(&none))),
                    Err(unsolved) => return Err(unsolved.into()),
                };
                let why = why.unwrap_or_else(|| facts(Conflict::of(&none)));
                let name = &wish.requirement.name;
                joined.said.push(format!("{name} is left out (preferred): {why}"));
            }
            Err(unsolved) => return Err(unsolved.into()),
        }
    }
    Ok(joined)
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
