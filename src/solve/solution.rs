//! One run of the solver: spec and catalog in, the chosen set or a conflict out.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};

use super::decided::Decided;
use super::error::Error;
use super::grouping::Graph;
use super::held_back::held_back;
use super::optional;
use super::question::{Floors, Question, Refusals};
use super::surprises::surprises;
use crate::catalog::{Catalog, Chosen};
use crate::spec::Spec;

/// The chosen set.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Sorted by name.
    pub chosen: Vec<Chosen>,
    /// For each requirement that did not get its newest version, or is optional and left out: a sentence
    /// that says what held it back.
    pub held_back: Vec<String>,
    /// What is unexpected in the set, a sentence each.
    pub surprises: Vec<String>,
}

/// Chooses the newest versions that fit together: no requirement is further behind its newest than it must be; what they
/// need gives way first. The order of the requirements does not matter. A version in `kept` (an earlier
/// lock's) stays while it fits. The same catalog gives the same answer.
pub fn solve(
    spec: &Spec,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    kept: &BTreeMap<PackageName, Version>,
) -> Result<Solution, Error> {
    let decided = Decided::new(catalog, &spec.rules, environment);
    let answer = optional::answer(spec, environment, &decided, kept)?;
    let graph = Graph::new(spec, environment, &answer.settled, &answer.left_out);
    let mut held_back = held_back(&answer)?;
    held_back.extend(answer.said);
    let surprises = surprises(&answer.provider, &answer.settled);
    let chosen = answer
        .settled
        .into_iter()
        .map(|(name, settled)| {
            // Every settled distribution is reachable from a requirement: pubgrub selects nothing else.
            let group = graph.groups.get(&name).unwrap_or(&spec.groups[0].name).clone();
            Chosen {
                group,
                requested: graph.requested.get(&name).cloned().unwrap_or_default(),
                required_by: graph.required_by.get(&name).into_iter().flatten().cloned().collect(),
                candidate: settled.candidate,
                extras: settled.extras,
            }
        })
        .collect();
    Ok(Solution { chosen, held_back, surprises })
}

/// Whether there is any set for the requirements that are not optional; `false` also where that is not known.
pub fn possible(spec: &Spec, environment: &MarkerEnvironment, catalog: &dyn Catalog) -> bool {
    let (kept, refused) = (BTreeMap::new(), Refusals::default());
    let catalog = &Decided::new(catalog, &spec.rules, environment);
    let question = Question { spec, environment, catalog, kept: &kept, refused };
    matches!(question.works(spec, Floors::new()), Ok(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::fixture::{MapCatalog, environment, spec};

    const TORCH: &str = "
        torch 2.15.0+cu130: numpy
        torch 2.14.1+cu130: numpy
        torch 2.13.0+cu130: numpy
        torch 2.12.1+cu130: numpy
        torchvision 0.30.0+cu130: torch==2.15.0
        torchvision 0.29.1+cu130: torch==2.14.1
        torchvision 0.27.1+cu130: torch==2.12.1
        pyg-lib 0.9.0+pt214cu130:
        pyg-lib 0.8.0+pt213cu130:
        pyg-lib 0.7.0+pt212cu130:
        torch-scatter 2.1.2+pt212cu130:
        torch-scatter 2.1.2+pt211cu130:
        numpy 2.4.0:";

    fn chosen(groups: &str, catalog: &str) -> (String, Vec<String>) {
        let solution =
            solve(&spec(groups), &environment(), &MapCatalog::new(catalog), &BTreeMap::new())
                .unwrap();
        let lines = solution
            .chosen
            .iter()
            .map(|c| format!("{} {} {}", c.group, c.candidate.name, c.candidate.version));
        (lines.collect::<Vec<_>>().join("\n"), solution.held_back)
    }

    #[test]
    fn torch_goes_back_to_the_newest_that_pyg_lib_has_a_wheel_for_and_says_so() {
        let (set, said) = chosen("torch: torch; torchvision\npyg: pyg-lib", TORCH);
        assert_eq!(
            set,
            "torch numpy 2.4.0\npyg pyg-lib 0.9.0+pt214cu130\ntorch torch 2.14.1+cu130\ntorch torchvision 0.29.1+cu130"
        );
        assert_eq!(
            said[0],
            "torch 2.14.1+cu130 instead of 2.15.0+cu130: pyg-lib has no wheel for torch 2.15 with cu130 yet"
        );
    }

    #[test]
    fn a_requirement_that_goes_far_back_says_which_of_its_needs_is_refused() {
        let catalog = "accelerate 1.15.0: numpy; torch>=2.0\naccelerate 0.0.1:\n\
                       torch 2.15.0!cu132:\ntorch 2.14.1!cu132:\nnumpy 2.4.0:";
        let (set, said) = chosen("a: accelerate", catalog);
        assert_eq!(set, "a accelerate 0.0.1");
        assert_eq!(
            said,
            [
                "accelerate 0.0.1 instead of 1.15.0: it needs torch>=2.0: torch 2.15.0 is built for cu132, not cu130"
            ]
        );
    }

    #[test]
    fn scatter_holds_torch_further_back() {
        let (set, said) = chosen("torch: torch; torchvision\npyg: pyg-lib; torch-scatter", TORCH);
        assert!(
            set.contains("torch torch 2.12.1+cu130") && set.contains("torchvision 0.27.1+cu130"),
            "{set}"
        );
        assert!(
            set.contains("pyg-lib 0.7.0+pt212cu130")
                && set.contains("torch-scatter 2.1.2+pt212cu130"),
            "{set}"
        );
        assert_eq!(
            said,
            [
                "torch 2.12.1+cu130 instead of 2.15.0+cu130: torch-scatter has no wheel for torch 2.13 to 2.15 with cu130 yet",
                "torchvision 0.27.1+cu130 instead of 0.30.0+cu130: it needs torch==2.15.0, and torch is 2.12.1+cu130",
                "pyg-lib 0.7.0+pt212cu130 instead of 0.9.0+pt214cu130: its wheel is for torch 2.14, and torch is 2.12.1+cu130",
            ]
        );
    }

    #[test]
    fn torch_from_pypi_is_taken_only_when_its_own_version_file_names_the_wanted_line() {
        let pypi = "
            torch 2.15.0!cu132:
            torch 2.14.1!cu130:
            torchvision 0.29.2!cu132: torch>=2.14.0
            torchvision 0.29.1!cu130: torch>=2.14.0";
        let (set, said) = chosen("torch: torch; torchvision", pypi);
        assert_eq!(set, "torch torch 2.14.1\ntorch torchvision 0.29.1");
        insta::assert_snapshot!(said.join("\n"), @r"
        torch 2.14.1 instead of 2.15.0: torch 2.15.0 is built for cu132, not cu130
        torchvision 0.29.1 instead of 0.29.2: torchvision 0.29.2 is built for cu132, not cu130
        ");
    }

    #[test]
    fn extras_bring_their_dependencies_and_groups_share() {
        let (set, _) = chosen(
            "torch: torch\nray: ray[data]\nmarimo: marimo",
            "
            torch 1.0: numpy
            ray 2.0: numpy; pandas if extra == 'data'; cupy if extra == 'all'; old if python_version < '3.10'
            pandas 3.0: numpy; six
            marimo 1.0: six; starlette
            numpy 2.0:
            six 1.0:
            starlette 1.0:".replace("torch 1.0:", "torch 1.0!cu130:").as_str(),
        );
        assert_eq!(
            set,
            "marimo marimo 1.0\ntorch numpy 2.0\nray pandas 3.0\nray ray 2.0\nray six 1.0\nmarimo starlette 1.0\ntorch torch 1.0"
        );
    }

    #[test]
    fn yanked_and_pre_releases_are_taken_only_when_asked_for() {
        let catalog = "
            a 2.0!yanked:
            a 1.0:
            b 3.0rc1:
            b 2.0:
            c 1.0b2:
            c 1.0b1:";
        assert_eq!(chosen("g: a; b; c", catalog).0, "g a 1.0\ng b 2.0\ng c 1.0b2");
        assert_eq!(chosen("g: a==2.0; b>=3.0rc0", catalog).0, "g a 2.0\ng b 3.0rc1");
        // A range that leaves nothing else is no `==`.
        let only = solve(
            &spec("g: a>=2.0,<=2.0"),
            &environment(),
            &MapCatalog::new(catalog),
            &BTreeMap::new(),
        );
        assert!(only.unwrap_err().to_string().contains("withdrawn"));
    }

    #[test]
    fn a_kept_version_stays_while_it_fits() {
        let catalog = MapCatalog::new("a 2.0: c>=2\na 1.0: c>=1\nc 2.0:\nc 1.0:");
        let kept = |pins: &[(&str, &str)]| {
            let kept = pins.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
            let solution = solve(&spec("g: a"), &environment(), &catalog, &kept).unwrap();
            solution.chosen.iter().map(|c| c.candidate.version.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[]), ["2.0", "2.0"]);
        assert_eq!(kept(&[("a", "1.0"), ("c", "1.0")]), ["1.0", "1.0"]);
        assert_eq!(kept(&[("c", "1.0")]), ["2.0", "2.0"], "what no longer fits is left");
    }

    #[test]
    fn the_solver_backtracks_over_dependencies() {
        let (set, said) = chosen(
            "g: a; b",
            "
            a 2.0: c>=2
            a 1.0: c>=1
            b 1.0: c<2
            c 2.5:
            c 1.5:",
        );
        assert_eq!(set, "g a 1.0\ng b 1.0\ng c 1.5");
        assert_eq!(said, ["a 1.0 instead of 2.0: a 2.0 needs c>=2; b 1.0 needs c<2"]);
    }
}
