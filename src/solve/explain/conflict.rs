//! A proof that there is no solution → the few sentences a user needs.

use std::collections::BTreeSet;
use std::fmt;

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};
use pubgrub::Ranges;

use super::change::TargetChange;
use super::proof::{Need, Proof, Versions};
use super::words::{and, shown, versions};
use crate::catalog::{Catalog, Skip, Skipped};
use crate::solve::provider::Provider;
use crate::solve::run::NoSet;
use crate::torch::TorchAbi;

/// How many versions of one distribution are listed separately.
const LISTED: usize = 3;

/// Why there is no solution, as facts that together rule out every set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflict {
    /// The requirements that clash, in a line.
    pub summary: String,
    /// One sentence each, requirements first.
    pub facts: Vec<String>,
    /// What the user can change; each was tried.
    pub advice: Vec<String>,
    /// Changes that may help and could not be tried here: they change the candidates.
    pub elsewhere: Vec<Elsewhere>,
    /// The requirements that take part.
    pub(super) roots: BTreeSet<PackageName>,
}

/// Another target that may have a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The advice if it has one.
    pub sentence: String,
    /// Which.
    pub target: TargetChange,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary)?;
        for fact in &self.facts {
            writeln!(f, "  - {fact}")?;
        }
        let or = ["", "or "].into_iter().chain(std::iter::repeat("or "));
        self.advice.iter().zip(or).try_for_each(|(advice, or)| writeln!(f, "  → {or}{advice}"))
    }
}

impl Conflict {
    /// The conflict without advice.
    pub(in crate::solve) fn of(none: &NoSet) -> Self {
        let proof = Proof::of(&none.tree);
        let teller = Teller { proof: &proof, provider: &none.provider };
        let roots = proof.needs.keys().filter(|need| need.from.is_none());
        Conflict {
            summary: teller.summary(),
            facts: teller.facts(),
            roots: roots.map(|need| need.to.clone()).collect(),
            ..Conflict::default()
        }
    }

    /// An extra that `older` has and `newest` lacks, where `newest` could be used without it.
    pub(in crate::solve) fn lost_extra(
        name: &PackageName,
        extra: &ExtraName,
        newest: &Version,
        older: &Version,
    ) -> Self {
        Conflict {
            summary: format!("{name}[{extra}] cannot be had in its newest version"),
            facts: vec![
                format!("{name} {newest} has no extra `{extra}`"),
                format!("{name} {older} is the newest that fits and has it"),
            ],
            advice: vec![
                format!("ask for {name}[{extra}]=={older}"),
                format!("ask for {name} without the extra `{extra}`"),
            ],
            ..Conflict::default()
        }
    }

    /// Something that was tried and helps.
    pub fn advise(&mut self, sentence: String) {
        if !self.advice.contains(&sentence) {
            self.advice.push(sentence);
        }
    }
}

struct Teller<'a, 'p> {
    proof: &'a Proof,
    provider: &'a Provider<'p>,
}

impl Teller<'_, '_> {
    fn summary(&self) -> String {
        let asked =
            |name: &PackageName| self.proof.needs.keys().any(|n| n.from.is_none() && n.to == *name);
        let mut requirements: Vec<String> = Vec::new();
        for requirement in self.provider.requirements.iter().filter(|r| asked(&r.pep508.name)) {
            let text = requirement.described();
            if !requirements.contains(&text) {
                requirements.push(text);
            }
        }
        match requirements.len() {
            0 => "the requirements cannot be met".to_owned(),
            1 => format!("{} cannot be installed here", requirements[0]),
            _ => format!("{} do not go together", and(&requirements)),
        }
    }

    fn facts(&self) -> Vec<String> {
        let (mut requirements, mut facts) = (Vec::new(), Vec::new());
        for need in self.proof.needs.keys().filter(|n| self.proof.is_knot(&n.to)) {
            match need.from {
                None => requirements.extend(self.requirements(&need.to)),
                Some(_) => facts.push(self.need(need)),
            }
        }
        for (name, range) in &self.proof.missing {
            facts.extend(self.missing(name, range));
        }
        for (name, reasons) in &self.proof.refused {
            facts.extend(self.refused(name, reasons));
        }
        let mut all: Vec<String> = Vec::new();
        for fact in requirements.into_iter().chain(facts) {
            if !all.contains(&fact) {
                all.push(fact);
            }
        }
        all
    }

    fn requirements(&self, name: &PackageName) -> Vec<String> {
        let of_name = self.provider.requirements.iter().filter(|r| r.pep508.name == *name);
        of_name.map(|w| format!("you ask for {}", w.described())).collect()
    }

    /// `a 1.0 → b 2.0 needs c<2`
    fn need(&self, need: &Need) -> String {
        let chain = self.proof.chain(need);
        let (last, before) = chain.split_last().expect("a chain has its own need");
        let mut path: Vec<String> = before.iter().map(|need| self.needy(need)).collect();
        path.push(self.last(last));
        path.join(" → ")
    }

    /// `ray[all] 2.0`, whatever it needs.
    fn needy(&self, need: &Need) -> String {
        let all = self.proof.needs[need].iter().fold(Ranges::empty(), |all, v| all.union(&v.of));
        self.named(need, &all)
    }

    fn named(&self, need: &Need, range: &Ranges<Version>) -> String {
        let Some(name) = &need.from else { return "the spec".to_owned() };
        let extra = need.extra.as_ref().map_or_else(String::new, |e| format!("[{e}]"));
        let versions = match self.provider.catalog.project(name) {
            Ok(project) => versions(&project, range),
            Err(_) => shown(range),
        };
        format!("{name}{extra} {versions}").trim_end().to_owned()
    }

    fn last(&self, need: &Need) -> String {
        let pairs = &self.proof.needs[need];
        if let Some(sentence) = self.own_torch(need, pairs) {
            return sentence;
        }
        let mut pairs: Vec<&Versions> = pairs.iter().collect();
        pairs.sort_by_key(|pair| std::cmp::Reverse(self.newest(need, &pair.of)));
        let listed = pairs.iter().take(LISTED).map(|pair| {
            let rule = self.override_of(&need.to);
            format!("{} needs {}{}{rule}", self.named(need, &pair.of), need.to, shown(&pair.fit))
        });
        let mut sentence = listed.collect::<Vec<_>>().join(", ");
        if pairs.len() > LISTED {
            sentence += ", and older ones do not fit either";
        }
        sentence
    }

    /// Notes that a dependency is not what the metadata says.
    fn override_of(&self, name: &PackageName) -> String {
        let rule = self.provider.catalog.rules.override_of(name);
        rule.map_or_else(String::new, |rule| format!(" (override, {})", rule.origin))
    }

    fn newest(&self, need: &Need, range: &Ranges<Version>) -> Option<Version> {
        let project = self.provider.catalog.project(need.from.as_ref()?).ok()?;
        let newest = project.candidates.iter().find(|c| range.contains(&c.version))?;
        Some(newest.version.clone())
    }

    /// Wheels of PyG: each version is for one torch.
    fn own_torch(&self, need: &Need, pairs: &[Versions]) -> Option<String> {
        let name = need.from.as_ref()?;
        let project = self.provider.catalog.project(name).ok()?;
        let in_proof = |v: &Version| pairs.iter().any(|pair| pair.of.contains(v));
        let mut builds = Vec::new();
        for candidate in project.candidates.iter().rev().filter(|c| in_proof(&c.version)) {
            let abi = TorchAbi::of(&candidate.version)?;
            builds.push((candidate.version.clone().without_local(), (abi.major, abi.minor)));
        }
        let mut lines: Vec<(u64, u64)> = builds.iter().map(|(_, line)| *line).collect();
        lines.sort_unstable();
        lines.dedup();
        let text = |(major, minor): &(u64, u64)| format!("{major}.{minor}");
        let (oldest, newest) = (&builds.first()?.0, &builds.last()?.0);
        let lines: Vec<String> = lines.iter().map(text).collect();
        Some(match (oldest == newest, lines.len()) {
            (_, 1) if oldest == newest => {
                format!("{name} {newest} has wheels only for torch {}", lines[0])
            }
            (true, _) => format!("{name} {newest} has wheels only for torch {}", and(&lines)),
            (false, _) => format!(
                "{name} {oldest} to {newest} each need their own torch: {}",
                lines.join(", ")
            ),
        })
    }

    fn missing(&self, name: &PackageName, range: &Ranges<Version>) -> Option<String> {
        if let Some(why) = self.provider.refused.borrow().get(&(name.clone(), None)) {
            return Some(why.clone());
        }
        let project = self.provider.catalog.project(name).ok()?;
        let mut skipped: Vec<_> =
            project.skipped.iter().filter(|s| range.contains(&s.version)).collect();
        skipped.sort_by_key(|skipped| skipped.version.any_prerelease());
        if let [newest, older @ ..] = &skipped[..] {
            let others = match older.len() {
                0 => String::new(),
                1 => format!("; {} does not fit either", older[0].version),
                n => format!("; {n} older versions do not fit either"),
            };
            let python = self.provider.environment.python_full_version();
            return Some(format!("{name} {}{others}", unusable(newest, &python.to_string())));
        }
        if let Some(only) = project.candidates.iter().find(|c| range.contains(&c.version)) {
            let kind = if only.yanked { "was withdrawn (yanked)" } else { "is a pre-release" };
            return Some(format!("{name} {}, the only one that fits, {kind}", only.version));
        }
        let needed = self.proof.needs.iter().filter(|(need, _)| need.to == *name);
        let needed: Vec<String> =
            needed.flat_map(|(_, pairs)| pairs).map(|pair| shown(&pair.fit)).collect();
        let there = match project.candidates.first() {
            Some(newest) => format!("the newest is {}", newest.version),
            None => "it has no version at all".to_owned(),
        };
        // Several needs that exclude each other are reported separately.
        match &needed[..] {
            [one] => Some(format!("there is no {name}{one} in {}; {there}", project.source)),
            _ => None,
        }
    }

    /// One sentence for versions that were refused for the same reason.
    fn refused(&self, name: &PackageName, reasons: &[(Ranges<Version>, String)]) -> Vec<String> {
        let Ok(project) = self.provider.catalog.project(name) else { return vec![] };
        let mut alike: Vec<(String, Ranges<Version>, &String)> = Vec::new();
        for (range, why) in reasons {
            let mut without_version = why.clone();
            for candidate in project.candidates.iter().filter(|c| range.contains(&c.version)) {
                without_version =
                    without_version.replace(&format!("{name} {}", candidate.version), "\0");
            }
            match alike.iter_mut().find(|(text, ..)| *text == without_version) {
                Some((_, known, _)) => *known = known.union(range),
                None => alike.push((without_version, range.clone(), why)),
            }
        }
        let sentence = |(text, range, why): (String, Ranges<Version>, &String)| {
            if !text.contains('\0') {
                return why.clone();
            }
            let versions = versions(&project, &range);
            text.replace('\0', format!("{name} {versions}").trim_end())
        };
        alike.into_iter().map(sentence).collect()
    }
}

/// `2.0 is only a source distribution`
pub(in crate::solve) fn unusable(skipped: &Skipped, python: &str) -> String {
    let version = &skipped.version;
    match &*skipped.why {
        Skip::NoWheel => {
            format!("{version} is only a source distribution, and envlock compiles nothing")
        }
        Skip::NoMatchingWheel(tags) => {
            format!("{version} has no wheel for Python {python} here, only for {}", and(tags))
        }
        Skip::RequiresPython(needed) => {
            format!("{version} needs Python {needed}, and this is {python}")
        }
        Skip::TooNew(at) => format!("{version} was uploaded {at}, after the cut-off"),
        Skip::Unreadable(why) => format!("{version} cannot be read ({why})"),
        Skip::Ruled(why) => format!("{version} {why}"),
    }
}
