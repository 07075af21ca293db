//! Advice on a conflict: changes of the spec, most promising first.

use std::collections::BTreeSet;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName};
use pubgrub::Ranges;

use super::change::{Advice, Change, TargetChange};
use super::proof::Proof;
use super::words::and;
use crate::catalog::{Catalog, Project, Skip, Skipped};
use crate::cuda::CudaTag;
use crate::solve::abi;
use crate::solve::decided::Against;
use crate::solve::provider::Provider;
use crate::solve::range;
use crate::spec::Prereleases;
use crate::torch::{TorchAbi, is_torch_family, local_cuda};

/// The minor versions of Python 3 that are tried.
const PYTHONS: std::ops::RangeInclusive<u64> = 9..=15;

/// A patch release that no Python reaches.
const LAST_PATCH: u64 = 99;

pub struct Advisor<'a, 'p> {
    proof: &'a Proof,
    provider: &'a Provider<'p>,
    said: Vec<Advice>,
}

impl<'a, 'p> Advisor<'a, 'p> {
    pub fn new(proof: &'a Proof, provider: &'a Provider<'p>) -> Self {
        Self { proof, provider, said: vec![] }
    }

    /// Changes that may help, most promising first. None was tried yet.
    pub fn advice(mut self) -> Vec<Advice> {
        let missing = self.proof.missing.iter();
        for (name, range) in missing {
            self.missing(name, range);
        }
        for (name, reasons) in &self.proof.refused {
            let all = reasons.iter().fold(Ranges::empty(), |all, (range, _)| all.union(range));
            self.another_cuda(name, &all);
        }
        self.matching_torch();
        self.extras();
        self.permit();
        self.loosen();
        self.said
    }

    fn say(&mut self, sentence: String, change: Change) {
        let advice = Advice { sentence, change };
        if !self.said.contains(&advice) {
            self.said.push(advice);
        }
    }

    /// Asking for a version, or a range of them.
    fn ask(&mut self, sentence: String, requirement: &str) {
        if let Ok(requirement) = requirement.parse() {
            self.say(sentence, Change::Ask(Box::new(requirement)));
        }
    }

    fn is_requirement(&self, name: &PackageName) -> bool {
        self.proof.needs.keys().any(|n| n.from.is_none() && n.to == *name)
    }

    fn missing(&mut self, name: &PackageName, range: &Ranges<Version>) {
        if self.provider.refused.borrow().contains_key(&(name.clone(), None)) {
            return match self.provider.catalog.denied(name) {
                Some(rule) => self.rule(name, Against::Denied(rule)),
                None => self.nowhere(name),
            };
        }
        let Ok(project) = self.provider.catalog.project(name) else { return };
        let skipped = project.skipped.iter().find(|s| range.contains(&s.version));
        let newest = newest_usable(&project);
        if let Some(skipped) = skipped {
            if let Some(against) = self.provider.catalog.against(name, &skipped.version) {
                return self.rule(name, against);
            }
            if let Some(newest) = newest {
                let sentence =
                    format!("the newest version of {name} with a wheel is {newest}: ask for it");
                self.ask(sentence, &format!("{name}=={newest}"));
            }
            self.skipped(skipped);
        } else if let Some(only) = project.candidates.iter().find(|c| range.contains(&c.version)) {
            let exactly = format!("{name}=={}", only.version);
            self.ask(format!("ask for {exactly} to take it all the same"), &exactly);
        } else if let Some(rule) = self.provider.catalog.rules.override_of(name) {
            let sentence = format!("take the override {} back ({})", rule.requirement, rule.origin);
            self.say(sentence, Change::NotOverridden(name.clone()));
        } else if let Some(newest) = newest {
            let most = format!("{name}<={newest}");
            self.ask(format!("ask for {most}"), &most);
        }
    }

    /// The opposite of a rule that forbids it.
    fn rule(&mut self, name: &PackageName, against: Against) {
        let change = match against {
            Against::Constraint(_) => Change::Unbound(name.clone()),
            Against::Denied(_) => Change::NotDenied(name.clone()),
            Against::Never => Change::Prereleases(name.clone(), Prereleases::IfNecessary),
        };
        self.say(against.advice(name), change);
    }

    /// No source has it, or all of it is for another CUDA.
    fn nowhere(&mut self, name: &PackageName) {
        let Some(other) = abi::same_for(name, self.provider.cuda()) else {
            if self.is_requirement(name) {
                self.say(
                    format!(
                        "check the name, or take it from another source: [packages] {name} = {{ index = [\"…\"] }}"
                    ),
                    Change::ByHand,
                );
            }
            return;
        };
        if self.is_requirement(name) {
            let sentence = format!("ask for {other} instead of {name}");
            self.say(sentence, Change::Instead(name.clone(), other));
        }
    }

    /// A package that is for another CUDA by its name, and could be permitted.
    fn permit(&mut self) {
        for name in self.proof.missing.keys() {
            if abi::foreign_name(name, self.provider.cuda()).is_some() {
                let sentence =
                    format!("if it is known to do no harm, permit it: [cuda] allow = [\"{name}\"]");
                self.say(sentence, Change::AllowCuda(name.clone()));
            }
        }
    }

    /// Another target for which this version is usable.
    fn skipped(&mut self, skipped: &Skipped) {
        let python = match &*skipped.why {
            Skip::NoMatchingWheel(tags) => self.python_of(tags),
            Skip::RequiresPython(needed) => self.python_for(needed),
            Skip::TooNew(at) => {
                let sentence = format!("move the cut-off (--exclude-newer) past {at}");
                self.say(sentence, Change::Target(TargetChange::CutOff(*at)));
                None
            }
            Skip::NoWheel | Skip::Unreadable(_) | Skip::Ruled(_) => None,
        };
        if let Some(python) = python
            && let Ok(version) = python.clone().try_into()
        {
            let sentence = format!("set python.version = \"{python}\"");
            self.say(sentence, Change::Target(TargetChange::Python(version)));
        }
    }

    /// The nearest other Python that this allows.
    fn python_for(&self, needed: &VersionSpecifiers) -> Option<String> {
        let here = *self.provider.environment.python_full_version().release().get(1)?;
        let allowed = PYTHONS.filter(|minor| {
            *minor != here && range(needed).contains(&Version::new([3, *minor, LAST_PATCH]))
        });
        allowed.min_by_key(|minor| minor.abs_diff(here)).map(|minor| format!("3.{minor}"))
    }

    /// The newest other Python that tags such as `cp313` name.
    fn python_of(&self, tags: &[String]) -> Option<String> {
        let minor = |tag: &String| tag.strip_prefix("cp3")?.parse::<u64>().ok();
        let newest = tags.iter().filter_map(minor).max()?;
        let python = format!("3.{newest}");
        (python != self.provider.environment.python_version().to_string()).then_some(python)
    }

    /// A torch that is built for another CUDA than the target's.
    fn another_cuda(&mut self, name: &PackageName, range: &Ranges<Version>) {
        let Ok(project) = self.provider.catalog.project(name) else { return };
        let refused: Vec<_> =
            project.candidates.iter().filter(|c| range.contains(&c.version)).collect();
        let (Some(newest), Some(oldest)) = (refused.first(), refused.last()) else { return };
        if !is_torch_family(name) {
            return;
        }
        let stated = local_cuda(&newest.version);
        let found: Option<CudaTag> =
            stated.or_else(|| self.provider.catalog.cuda_build(newest).ok().flatten());
        let older = format!("{name}<{}", oldest.version.clone().without_local());
        self.ask(format!("ask for {older}"), &older);
        if let Some(found) = found.filter(|found| *found != self.provider.cuda()) {
            let sentence = format!("set target.cuda = \"{found}\" for everything");
            self.say(sentence, Change::Target(TargetChange::Cuda(found)));
        }
    }

    /// The newest torch for which every PyG package that takes part has a wheel.
    fn matching_torch(&mut self) {
        let mut common: Option<BTreeSet<(u64, u64)>> = None;
        let mut names: Vec<PackageName> = Vec::new();
        for need in self.proof.needs.keys().filter(|n| n.to.as_ref() == "torch") {
            let Some(project) =
                need.from.as_ref().and_then(|name| self.provider.catalog.project(name).ok())
            else {
                continue;
            };
            let lines: BTreeSet<_> = project
                .candidates
                .iter()
                .filter_map(|c| TorchAbi::of(&c.version))
                .map(|abi| (abi.major, abi.minor))
                .collect();
            if lines.is_empty() {
                continue;
            }
            names.push(project.name.clone());
            common = Some(match common {
                None => lines,
                Some(known) => known.intersection(&lines).copied().collect(),
            });
        }
        let Some((major, minor)) = common.and_then(|lines| lines.last().copied()) else { return };
        let have = if names.len() == 1 { "has" } else { "have" };
        let names = and(&names);
        let line = format!("torch=={major}.{minor}.*");
        self.ask(format!("ask for {line}, the newest that {names} {have} a wheel for"), &line);
    }

    /// Extras whose dependencies take part in the conflict.
    fn extras(&mut self) {
        for need in self.proof.needs.keys() {
            if let (Some(name), Some(extra)) = (&need.from, &need.extra)
                && self.is_requirement(name)
            {
                self.without_extra(name, extra);
            }
        }
        for (name, extra) in self.provider.extras_not_had() {
            if let Some(other) = self.provider.almost(&name, &extra) {
                let sentence = format!("ask for {name}[{other}]");
                self.say(sentence, Change::Extra(name.clone(), extra.clone(), Some(other)));
            }
            self.without_extra(&name, &extra);
        }
    }

    fn without_extra(&mut self, name: &PackageName, extra: &ExtraName) {
        let sentence = format!("ask for {name} without the extra `{extra}`");
        self.say(sentence, Change::Extra(name.clone(), extra.clone(), None));
    }

    fn loosen(&mut self) {
        for requirement in self.provider.requirements.iter().map(|r| &r.pep508) {
            if requirement.version_or_url.is_some() && self.is_requirement(&requirement.name) {
                self.say(format!("loosen {requirement}"), Change::Loosen(requirement.name.clone()));
            }
        }
    }
}

fn newest_usable(project: &Project) -> Option<&Version> {
    let finals = project.candidates.iter().find(|c| !c.version.any_prerelease() && !c.yanked);
    finals.or(project.candidates.first()).map(|c| &c.version)
}
