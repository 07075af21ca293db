//! What the user can change, most promising first.

use std::collections::BTreeSet;

use pep440_rs::Version;
use pep508_rs::PackageName;
use pubgrub::Ranges;

use super::proof::Proof;
use super::words::and;
use crate::cuda::CudaTag;
use crate::index::{Project, Skip};
use crate::solve::abi::{TorchAbi, local_cuda, states_cuda_build};
use crate::solve::provider::Provider;

pub struct Advisor<'a, 'p> {
    proof: &'a Proof,
    provider: &'a Provider<'p>,
    said: Vec<String>,
}

impl<'a, 'p> Advisor<'a, 'p> {
    pub fn new(proof: &'a Proof, provider: &'a Provider<'p>) -> Self {
        Self { proof, provider, said: vec![] }
    }

    pub fn advice(mut self) -> Vec<String> {
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
        if self.said.is_empty() || self.roots().len() > 1 {
            self.loosen();
        }
        self.leave_out();
        self.said
    }

    fn say(&mut self, sentence: String) {
        if !self.said.contains(&sentence) {
            self.said.push(sentence);
        }
    }

    /// The wishes that take part, in the user's order.
    fn roots(&self) -> Vec<String> {
        let mut roots = Vec::new();
        for wish in &self.provider.wishes {
            let name = wish.requirement.name.to_string();
            let takes_part =
                self.proof.needs.keys().any(|n| n.from.is_none() && n.to == wish.requirement.name);
            if takes_part && !roots.contains(&name) {
                roots.push(name);
            }
        }
        roots
    }

    fn is_wish(&self, name: &PackageName) -> bool {
        self.proof.needs.keys().any(|n| n.from.is_none() && n.to == *name)
    }

    fn missing(&mut self, name: &PackageName, range: &Ranges<Version>) {
        if self.provider.refused.borrow().contains_key(&(name.clone(), None)) {
            if self.is_wish(name) {
                self.say(format!(
                    "check the name, or take it from another source: [packages] {name} = {{ index = [\"…\"] }}"
                ));
            }
            return;
        }
        let Ok(project) = self.provider.catalog.project(name) else { return };
        let skipped = project.skipped.iter().find(|s| range.contains(&s.version));
        if let Some(skipped) = skipped {
            let (python, other) = match &skipped.why {
                Skip::NoMatchingWheel(tags) => (self.python_of(tags), false),
                Skip::RequiresPython(_) => (None, true),
                Skip::NoWheel | Skip::Unreadable(_) | Skip::TooNew(_) => (None, false),
            };
            if let Some(newest) = newest_usable(&project) {
                self.say(format!(
                    "the newest version of {name} with a wheel is {newest}: ask for it"
                ));
            }
            match python {
                Some(python) => self.say(format!("set python.version = \"{python}\"")),
                None if let Skip::TooNew(at) = skipped.why => {
                    self.say(format!("move the cut-off (--exclude-newer) past {at}"));
                }
                None if other => self.say("set another python.version".to_owned()),
                None => {}
            }
        } else if let Some(only) = project.candidates.iter().find(|c| range.contains(&c.version)) {
            self.say(format!("ask for {name}=={} to take it all the same", only.version));
        } else if let Some(newest) = newest_usable(&project)
            && self.is_wish(name)
        {
            self.say(format!("ask for {name}<={newest}"));
        }
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
        if !states_cuda_build(name) {
            return;
        }
        let stated = local_cuda(&newest.version);
        let found: Option<CudaTag> =
            stated.or_else(|| self.provider.catalog.cuda_build(newest).ok().flatten());
        let older = oldest.version.clone().without_local();
        match found.filter(|found| *found != self.provider.cuda) {
            Some(found) => self.say(format!(
                "ask for {name}<{older}, or set target.cuda = \"{found}\" for everything"
            )),
            None => self.say(format!("ask for {name}<{older}")),
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
        self.say(format!(
            "ask for torch=={major}.{minor}.*, the newest that {names} {have} a wheel for"
        ));
    }

    /// Extras whose needs take part.
    fn extras(&mut self) {
        for need in self.proof.needs.keys() {
            if let (Some(name), Some(extra)) = (&need.from, &need.extra)
                && self.is_wish(name)
            {
                self.say(format!("ask for {name} without the extra `{extra}`"));
            }
        }
    }

    fn loosen(&mut self) {
        let takes_part: Vec<_> = self
            .provider
            .wishes
            .iter()
            .filter(|w| w.requirement.version_or_url.is_some() && self.is_wish(&w.requirement.name))
            .filter(|w| {
                !self.said.iter().any(|s| s.starts_with(&format!("ask for {}", w.requirement.name)))
            })
            .map(|w| format!("loosen {}", w.requirement))
            .collect();
        takes_part.into_iter().for_each(|sentence| self.say(sentence));
    }

    fn leave_out(&mut self) {
        let roots = self.roots();
        // torch is what the set is built around.
        let out: Vec<String> =
            roots.iter().filter(|r| *r != "torch").map(|r| format!("--without {r}")).collect();
        match &out[..] {
            [] => {}
            _ if roots.len() > 1 => self.say(format!(
                "do without one: {}; wish = \"preferred\" under [packages] does that by itself",
                out.join(" or ")
            )),
            [one] => self.say(format!("leave it out: {one}")),
            _ => {}
        }
    }
}

fn newest_usable(project: &Project) -> Option<&Version> {
    let finals = project.candidates.iter().find(|c| !c.version.any_prerelease() && !c.yanked);
    finals.or(project.candidates.first()).map(|c| &c.version)
}
