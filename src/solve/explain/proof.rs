//! The solver's derivation tree as a graph of dependencies: what needs what, and what is not available at all.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};
use pubgrub::{DerivationTree, External, Ranges};

use crate::solve::node::Node;

/// What pubgrub returns when there is no solution.
pub type Tree = DerivationTree<Node, Ranges<Version>, String>;

/// The facts that together rule out every set, each once.
#[derive(Default)]
pub struct Proof {
    /// What needs what; requirements have no `from`.
    pub needs: BTreeMap<Need, Vec<Versions>>,
    /// Distributions without a usable version in these ranges.
    pub missing: BTreeMap<PackageName, Ranges<Version>>,
    /// Versions that were refused, and why.
    pub refused: BTreeMap<PackageName, Vec<(Ranges<Version>, String)>>,
}

/// One edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The dependent; `None`: the spec.
    pub from: Option<PackageName>,
    /// The extra of `from` that brings the need.
    pub extra: Option<ExtraName>,
    /// What is needed.
    pub to: PackageName,
}

/// For these versions of the dependent, these versions of the dependency fit.
pub struct Versions {
    pub of: Ranges<Version>,
    pub fit: Ranges<Version>,
}

impl Proof {
    pub fn of(tree: &Tree) -> Self {
        let mut proof = Proof::default();
        proof.walk(tree);
        // A gap without any versions between refused ones is no fact of its own.
        let spoken_for: BTreeSet<_> = proof.needs.keys().filter_map(|n| n.from.clone()).collect();
        let refused = &proof.refused;
        proof.missing.retain(|n, _| !spoken_for.contains(n) && !refused.contains_key(n));
        proof
    }

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
            External::FromDependencyOf(node, of, needed, fit) => {
                let Some(to) = needed.name().cloned() else { return };
                let extra = match node {
                    Node::Extra(_, extra) => Some(extra.clone()),
                    _ => None,
                };
                let need = Need { from: node.name().cloned(), extra, to };
                // That an extra needs its own distribution is not reported.
                if need.from.as_ref() != Some(&need.to) {
                    add(self.needs.entry(need).or_default(), of, fit);
                }
            }
            External::NoVersions(node, range) => {
                let Some(name) = node.name() else { return };
                let known = self.missing.entry(name.clone()).or_insert_with(Ranges::empty);
                *known = known.union(range);
            }
            External::Custom(node, range, why) => {
                let Some(name) = node.name() else { return };
                let known = self.refused.entry(name.clone()).or_default();
                if !known.iter().any(|(_, known)| known == why) {
                    known.push((range.clone(), why.clone()));
                }
            }
        }
    }

    /// The edges that end at `name`.
    pub fn into(&self, name: &PackageName) -> Vec<&Need> {
        self.needs.keys().filter(|n| n.to == *name).collect()
    }

    /// Whether `name` itself is reported, instead of only passed through.
    pub fn is_knot(&self, name: &PackageName) -> bool {
        let sources: BTreeSet<_> = self.into(name).into_iter().map(|n| &n.from).collect();
        self.missing.contains_key(name)
            || self.refused.contains_key(name)
            || sources.len() > 1
            || !self.needs.keys().any(|n| n.from.as_ref() == Some(name))
    }

    /// The edge and those before it, back to a requirement or to another reported node.
    pub fn chain<'a>(&'a self, need: &'a Need) -> Vec<&'a Need> {
        let mut chain = vec![need];
        while let Some(from) = &chain[0].from
            && !self.is_knot(from)
            && let [before] = self.into(from)[..]
            && before.from.is_some()
            && !chain.contains(&before)
        {
            chain.insert(0, before);
        }
        chain
    }
}

fn add(known: &mut Vec<Versions>, of: &Ranges<Version>, fit: &Ranges<Version>) {
    match known.iter_mut().find(|k| k.fit == *fit) {
        Some(same) => same.of = same.of.union(of),
        None => known.push(Versions { of: of.clone(), fit: fit.clone() }),
    }
}
