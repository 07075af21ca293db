//! The report where there is no set: all obstacles, and advice. Requirements that are not available at all are reported
//! together, not one in each run, and all advice was tried.

use std::collections::BTreeSet;

use pep508_rs::{PackageName, Requirement, VerbatimUrl};

use super::advice::Advisor;
use super::change::{Advice, Change};
use super::conflict::{Conflict, Elsewhere};
use super::proof::Proof;
use super::words::and;
use crate::solve::question::{Bounds, Floors, Question};
use crate::solve::run::{CatalogFailed, ENOUGH, NoSet, Unsolved};
use crate::spec::Spec;

/// A requirement that no version satisfies, whatever the others are.
struct Impossible {
    name: PackageName,
    conflict: Conflict,
    advice: Vec<Advice>,
}

/// The report on `none`, the proof that there is no set.
pub(in crate::solve) fn conflict<'a>(
    question: &Question<'a>,
    none: &NoSet<'a>,
) -> Result<Conflict, CatalogFailed> {
    let mut requirements = question.required();
    let (mut impossible, mut rest) = (Vec::new(), None);
    let mut latest = None;
    let is_known = loop {
        let none = latest.as_deref().unwrap_or(none);
        let proof = Proof::of(&none.tree);
        let Some(name) = alone(&proof) else {
            rest = Some((Conflict::of(none), advice(&proof, none)));
            break true;
        };
        requirements.retain(|requirement| requirement.pep508.name != name);
        impossible.push(Impossible {
            name,
            conflict: Conflict::of(none),
            advice: advice(&proof, none),
        });
        match question.any(&requirements, Bounds { limit: Some(ENOUGH), ..Bounds::default() }) {
            Err(Unsolved::NoSet(none)) => latest = Some(none),
            Err(Unsolved::Catalog(failed)) => return Err(failed),
            Ok(_) => break true,
            Err(Unsolved::TooLong) => break false,
        }
    };
    Ok(report(question, impossible, rest, is_known))
}

/// The only requirement that takes part.
fn alone(proof: &Proof) -> Option<PackageName> {
    let requested: BTreeSet<_> =
        proof.needs.keys().filter(|n| n.from.is_none()).map(|n| &n.to).collect();
    let mut requested = requested.into_iter();
    requested.next().filter(|_| requested.next().is_none()).cloned()
}

fn advice(proof: &Proof, none: &NoSet) -> Vec<Advice> {
    Advisor::new(proof, &none.provider).advice()
}

/// `is_known`: whether it is known that the requirements beside the impossible ones go together, or why they do not.
fn report(
    question: &Question,
    impossible: Vec<Impossible>,
    rest: Option<(Conflict, Vec<Advice>)>,
    is_known: bool,
) -> Conflict {
    let names: Vec<_> = impossible.iter().map(|i| i.name.clone()).collect();
    let mut all = Conflict::default();
    let mut summaries = Vec::new();
    for Impossible { name, conflict, advice } in impossible {
        // Where several are impossible, advice on one is tried as if the others were not there.
        let others = names.iter().filter(|other| **other != name).cloned().collect();
        let confirm = Confirm::new(question, Change::Without(others).of(question.spec));
        confirm.add_to(&mut all, advice, &BTreeSet::from([name]));
        summaries.push(conflict.summary);
        let known = all.facts.clone();
        all.facts.extend(conflict.facts.into_iter().filter(|fact| !known.contains(fact)));
    }
    all.summary = match &summaries[..] {
        [] | [_] => summaries.concat(),
        _ => format!("{} cannot be installed here", and(&names)),
    };
    let confirm = Confirm::new(question, Some(question.spec.clone()));
    // torch is what the set is built around.
    let out: Vec<String> = match &names[..] {
        [torch] if torch.as_ref() == "torch" => vec![],
        names => names.iter().map(|name| format!("--without {name}")).collect(),
    };
    match rest {
        Some((conflict, advice)) => {
            let roots = conflict.roots.clone();
            let known = if names.is_empty() { String::new() } else { all.summary + "; " };
            all.summary = known + &conflict.summary;
            all.facts.extend(conflict.facts);
            let confirm = Confirm::new(question, Change::Without(names).of(question.spec));
            confirm.add_to(&mut all, advice, &roots);
            confirm.one_of(&mut all, &roots);
        }
        None if !out.is_empty() => {
            let them = if out.len() == 1 { "it" } else { "them" };
            let sentence = format!("leave {them} out: {}", out.join(" "));
            if confirm.works(&Change::Without(names.clone())) {
                all.advise(sentence);
            } else if !is_known {
                let sentence = format!("{sentence}; whether the others go together is not known");
                all.advise(sentence);
            }
        }
        None => {}
    }
    all
}

/// Tries advice.
struct Confirm<'q, 'a> {
    question: &'q Question<'a>,
    /// The spec that is changed.
    spec: Option<Spec>,
}

impl<'q, 'a> Confirm<'q, 'a> {
    fn new(question: &'q Question<'a>, spec: Option<Spec>) -> Self {
        Confirm { question, spec }
    }

    /// Whether there is a set after this change. Without an answer in time: no.
    fn works(&self, change: &Change) -> bool {
        let after = self.spec.as_ref().and_then(|spec| change.of(spec));
        after.is_some_and(|spec| matches!(self.question.works(&spec, Floors::new()), Ok(true)))
    }

    /// Adds the advice that helps to `all`.
    fn add_to(&self, all: &mut Conflict, advice: Vec<Advice>, roots: &BTreeSet<PackageName>) {
        let before = all.advice.len();
        let mut asked_for = BTreeSet::new();
        for Advice { sentence, change } in advice {
            // "Any version" is advised only where no better advice helps.
            if let Change::Loosen(name) = &change
                && (asked_for.contains(name) || roots.len() < 2 && all.advice.len() > before)
            {
                continue;
            }
            match change {
                Change::ByHand => all.advise(sentence),
                Change::Target(target) => all.elsewhere.push(Elsewhere { sentence, target }),
                change if self.works(&change) => {
                    all.advise(sentence);
                    if let Change::Ask(requirement) = change {
                        asked_for.insert(requirement.name);
                    }
                }
                _ => {}
            }
        }
        if all.advice.len() == before {
            self.prereleases(all);
        }
    }

    /// Pre-releases that would fit where no final version does.
    fn prereleases(&self, all: &mut Conflict) {
        let Some(spec) = &self.spec else { return };
        let question = Question { spec, ..self.question.clone() };
        let bounds = Bounds { limit: Some(ENOUGH), prereleases: true, ..Bounds::default() };
        let Ok(found) = question.any(&question.required(), bounds) else { return };
        let taken = found.settled.iter().filter(|(name, settled)| {
            settled.candidate.version.any_prerelease() && !found.provider.may_be_prerelease(name)
        });
        let prereleases: Vec<String> =
            taken.map(|(name, s)| format!("{name}>={}", s.candidate.version)).collect();
        let mut with = spec.clone();
        for text in &prereleases {
            let Ok(requirement) = text.parse::<Requirement<VerbatimUrl>>() else { return };
            let Some(more) = Change::Ask(Box::new(requirement)).of(&with) else { return };
            with = more;
        }
        if !prereleases.is_empty() && matches!(self.question.works(&with, Floors::new()), Ok(true))
        {
            let kind = if prereleases.len() == 1 { "a pre-release" } else { "pre-releases" };
            all.advise(format!("ask for {} as well, {kind}", and(&prereleases)));
        }
    }

    /// Which of those that do not go together could be left out.
    fn one_of(&self, all: &mut Conflict, roots: &BTreeSet<PackageName>) {
        // torch is what the set is built around.
        let others = roots.iter().filter(|name| name.as_ref() != "torch");
        let works = |name: &&PackageName| self.works(&Change::Without(vec![(*name).clone()]));
        let out: Vec<_> = others.filter(works).map(|name| format!("--without {name}")).collect();
        if !out.is_empty() {
            all.advise(format!(
                "do without one: {}; optional = true under [packages] does that by itself",
                out.join(" or ")
            ));
        }
    }
}
