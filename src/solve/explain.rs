//! A conflict in the user's words: which wishes clash, through what, what to loosen.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;

use pep440_rs::Version;
use pep508_rs::PackageName;
use pubgrub::{DerivationTree, External, Ranges};

use super::node::Node;
use super::provider::Provider;
use crate::index::{Project, Skip};

type Tree = DerivationTree<Node, Ranges<Version>, String>;

/// Why there is no solution, as facts that together leave no choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// One sentence each, wishes first.
    pub facts: Vec<String>,
    /// What the user can change.
    pub advice: Vec<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fact in &self.facts {
            writeln!(f, "  - {fact}")?;
        }
        self.advice.iter().try_for_each(|advice| writeln!(f, "  → {advice}"))
    }
}

impl Conflict {
    pub(super) fn new(tree: &Tree, provider: &Provider) -> Self {
        let mut collector = Collector {
            provider,
            wishes: vec![],
            facts: vec![],
            advice: vec![],
            seen: BTreeSet::new(),
            subjects: BTreeSet::new(),
        };
        subjects(tree, &mut collector.subjects);
        collector.walk(tree);
        let mut facts = collector.wishes;
        facts.extend(collector.facts);
        Conflict { facts, advice: collector.advice }
    }
}

struct Collector<'a, 'p> {
    provider: &'a Provider<'p>,
    wishes: Vec<String>,
    facts: Vec<String>,
    advice: Vec<String>,
    seen: BTreeSet<String>,
    /// Distributions whose candidates other facts rule out; that there are no versions between
    /// those is no news.
    subjects: BTreeSet<PackageName>,
}

/// The distributions that an edge or a refusal speaks of.
fn subjects(tree: &Tree, found: &mut BTreeSet<PackageName>) {
    match tree {
        DerivationTree::Derived(derived) => {
            subjects(&derived.cause1, found);
            subjects(&derived.cause2, found);
        }
        DerivationTree::External(
            External::FromDependencyOf(node, ..) | External::Custom(node, ..),
        ) => {
            found.extend(node.name().cloned());
        }
        DerivationTree::External(_) => {}
    }
}

impl Collector<'_, '_> {
    fn walk(&mut self, tree: &Tree) {
        match tree {
            DerivationTree::Derived(derived) => {
                self.walk(&derived.cause1);
                self.walk(&derived.cause2);
            }
            DerivationTree::External(external) => self.external(external),
        }
    }

    fn external(&mut self, external: &External<Node, Ranges<Version>, String>) {
        match external {
            External::NotRoot(..) => {}
            External::FromDependencyOf(Node::Root, _, node, _) => self.wish(node),
            External::FromDependencyOf(Node::Extra(a, _), _, Node::Package(b), _) if a == b => {}
            External::FromDependencyOf(node, versions, needed, range) => {
                let versions = self.versions(node, versions);
                let range = shown(range);
                self.fact(format!("{node}{versions} needs {needed}{range}"));
            }
            External::NoVersions(node, range) => self.no_versions(node, range),
            External::Custom(node, _, why) => {
                if let Some(name) = node.name() {
                    self.source_advice(name, why);
                }
                self.fact(why.clone());
            }
        }
    }

    fn wish(&mut self, node: &Node) {
        let Some(name) = node.name() else { return };
        for wish in self.provider.wishes.iter().filter(|w| w.requirement.name == *name) {
            let sentence = format!("the spec asks for {}", wish.requirement);
            if self.seen.insert(sentence.clone()) {
                self.wishes.push(sentence);
                if wish.requirement.version_or_url.is_some() {
                    self.advise(format!("loosen the wish {}", wish.requirement));
                }
            }
        }
    }

    fn no_versions(&mut self, node: &Node, range: &Ranges<Version>) {
        let Some(name) = node.name() else { return };
        if let Some(why) = self.provider.refused.borrow().get(&(name.clone(), None)) {
            let why = why.clone();
            self.advise_missing(name);
            return self.fact(why);
        }
        let Ok(project) = self.provider.catalog.project(name) else { return };
        let range_text = shown(range);
        let python = self.provider.environment.python_version();
        if let Some(skipped) = project.skipped.iter().find(|s| range.contains(&s.version)) {
            let why = match &skipped.why {
                Skip::NoWheel => "is only a source distribution".to_owned(),
                Skip::NoMatchingWheel(tags) => format!("has wheels only for {}", tags.join(", ")),
                Skip::RequiresPython(python) => format!("needs Python {python}"),
                Skip::TooNew(at) => format!("was uploaded {at}, after the cut-off"),
                Skip::Unreadable(why) => format!("cannot be read ({why})"),
            };
            self.fact(format!("{name} {} {why}; no other version{range_text} has a wheel for Python {python} here", skipped.version));
            match newest_usable(&project) {
                Some(version) => self.advise(format!("the newest version of {name} with a wheel is {version}")),
                None => self.advise(format!("no version of {name} has a wheel for Python {python}; leave it out with --without {name}")),
            }
        } else if let Some(only) = project.candidates.iter().find(|c| range.contains(&c.version)) {
            let kind = if only.yanked { "yanked" } else { "a pre-release" };
            self.fact(format!(
                "the only version of {name}{range_text} is {} ({kind})",
                only.version
            ));
            self.advise(format!("ask for {name}=={} to take it all the same", only.version));
        } else if !self.subjects.contains(name) {
            let newest = newest_usable(&project)
                .map_or_else(|| "none at all".to_owned(), |v| format!("the newest is {v}"));
            self.fact(format!("there is no {name}{range_text} in {}; {newest}", project.source));
        }
    }

    fn advise_missing(&mut self, name: &PackageName) {
        if self.provider.wishes.iter().any(|w| w.requirement.name == *name) {
            self.advise(format!("take it from another source (--index GROUP=NAME|URL) or leave it out with --without {name}"));
        }
    }

    fn source_advice(&mut self, name: &PackageName, why: &str) {
        if why.contains(" is built for ") {
            self.advise(format!("ask for an older {name}, or another target.cuda"));
        }
    }

    /// ` 1.2` for one version, else the range; nothing when every version is meant.
    fn versions(&self, node: &Node, range: &Ranges<Version>) -> String {
        let Some(name) = node.name() else { return String::new() };
        let Ok(project) = self.provider.catalog.project(name) else { return shown(range) };
        let all: Vec<&Version> = project.candidates.iter().rev().map(|c| &c.version).collect();
        let meant: Vec<&&Version> = all.iter().filter(|v| range.contains(**v)).collect();
        match meant.as_slice() {
            [one] => format!(" {one}"),
            many if many.len() == all.len() => String::new(),
            _ => shown(&range.simplify(all.iter().copied())),
        }
    }

    fn fact(&mut self, sentence: String) {
        if self.seen.insert(sentence.clone()) {
            self.facts.push(sentence);
        }
    }

    fn advise(&mut self, sentence: String) {
        if self.seen.insert(sentence.clone()) {
            self.advice.push(sentence);
        }
    }
}

fn newest_usable(project: &Project) -> Option<&Version> {
    let finals = project.candidates.iter().find(|c| !c.version.any_prerelease() && !c.yanked);
    finals.or(project.candidates.first()).map(|c| &c.version)
}

/// A range as users write specifiers, ` >=2,<3`, with the solver's own bounds folded back.
fn shown(range: &Ranges<Version>) -> String {
    if *range == Ranges::full() {
        return String::new();
    }
    let parts: Vec<String> = range
        .iter()
        .map(|(low, high)| {
            if let (Bound::Included(low), Bound::Excluded(high)) = (low, high)
                && high.post() == Some(0)
                && high.is_dev()
                && high.only_release() == low.only_release()
            {
                return format!("=={low}");
            }
            let low = match low {
                Bound::Included(v) if v.dev() == Some(0) => Some(format!(">={}", without_dev(v))),
                Bound::Included(v) => Some(format!(">={v}")),
                Bound::Excluded(v) => Some(format!(">{v}")),
                Bound::Unbounded => None,
            };
            let high = match high {
                Bound::Included(v) => Some(format!("<={v}")),
                Bound::Excluded(v) if v.post() == Some(0) && v.is_dev() => {
                    Some(format!("<={}", v.only_release()))
                }
                Bound::Excluded(v) if v.dev() == Some(0) => Some(format!("<{}", without_dev(v))),
                Bound::Excluded(v) => Some(format!("<{v}")),
                Bound::Unbounded => None,
            };
            match (low, high) {
                (Some(low), Some(high))
                    if low.trim_start_matches(">=") == high.trim_start_matches("<=") =>
                {
                    low.replace(">=", "==")
                }
                (low, high) => low.into_iter().chain(high).collect::<Vec<_>>().join(","),
            }
        })
        .collect();
    if parts.is_empty() { " (no version)".to_owned() } else { format!(" {}", parts.join(" or ")) }
}

fn without_dev(version: &Version) -> Version {
    version.clone().with_dev(None)
}
