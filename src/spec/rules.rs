//! The user's rules for the set beside its requirements: bounds, overrides, corrected metadata, pre-releases, denials.
//! A rule about a distribution that nothing needs does nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{
    ExtraName, MarkerEnvironment, PackageName, Requirement, VerbatimUrl, VersionOrUrl,
};
use serde::{Deserialize, Serialize};

use super::origin::{FILE_NAME, Origin};
use crate::digest::Sha256;

/// A requirement of a rule, which asks for nothing by itself, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Versions of a distribution, with a marker where it holds only somewhere. It never names a URL.
    pub requirement: Requirement<VerbatimUrl>,
    /// Where it is written.
    pub origin: Origin,
}

/// All rules of a spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// Bounds of versions; they require nothing by themselves.
    pub constraints: Vec<Rule>,
    /// What replaces every requirement on a distribution.
    pub overrides: BTreeMap<PackageName, Override>,
    /// What replaces a wheel's own metadata, the most specific first.
    pub metadata: Vec<Mended>,
    /// Which pre-releases may be taken.
    pub prereleases: BTreeMap<PackageName, Prereleases>,
    /// Versions that are never taken.
    pub denied: Vec<Rule>,
    /// Files that may be taken.
    pub hashes: Vec<Hashes>,
}

/// The hashes that a requirements file states: a file for this requirement has one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Hashes {
    /// For whom; with a marker.
    pub of: Rule,
    /// Never empty.
    pub any: Vec<Sha256>,
}

/// What replaces every requirement on a distribution, those of the spec included.
#[derive(Debug, Clone, PartialEq)]
pub enum Override {
    /// By these, each where its marker holds.
    By(Vec<Rule>),
    /// It is left out.
    LeftOut(Origin),
}

/// Metadata that a wheel should have had. What is `None` is the wheel's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Mended {
    /// Which wheels.
    pub of: Rule,
    /// Requires-Dist.
    pub requires: Option<Vec<Requirement<VerbatimUrl>>>,
    /// Requires-Python.
    pub requires_python: Option<VersionSpecifiers>,
    /// Provides-Extra.
    pub extras: Option<Vec<ExtraName>>,
}

/// Which pre-releases of a distribution may be taken; the values are uv's, except `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prereleases {
    /// None, even if a requirement names it.
    Never,
    /// Where no final version fits.
    IfNecessary,
    /// Like final versions.
    Allow,
}

impl fmt::Display for Prereleases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Prereleases::Never => "never",
            Prereleases::IfNecessary => "if-necessary",
            Prereleases::Allow => "allow",
        })
    }
}

impl Rule {
    /// Whether it is about this version; markers are ignored.
    pub fn has(&self, name: &PackageName, version: &Version) -> bool {
        let fits = match &self.requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(version),
            _ => true,
        };
        self.requirement.name == *name && fits
    }

    /// The rule as a lock has it: without the file where that is envlock.toml.
    fn said(&self) -> String {
        match self.origin.file == FILE_NAME {
            true => self.requirement.to_string(),
            false => format!("{} ({})", self.requirement, self.origin.file),
        }
    }
}

impl Rules {
    /// Every rule about this distribution, as a lock has it; with a version: only those about that one.
    pub fn of(&self, name: &PackageName, version: Option<&Version>) -> Vec<String> {
        let about = |rule: &&Rule| rule.requirement.name == *name;
        let mut all: Vec<String> = Vec::new();
        let constraints = self.constraints.iter().filter(about);
        all.extend(constraints.map(|rule| format!("constraint: {}", rule.said())));
        match self.overrides.get(name) {
            Some(Override::By(rules)) => {
                all.extend(rules.iter().map(|rule| format!("override: {}", rule.said())));
            }
            Some(Override::LeftOut(_)) => all.push(format!("override: {name} is left out")),
            None => {}
        }
        let mended = self.metadata.iter().filter(|m| about(&&m.of));
        let mut mended = mended.filter(|m| version.is_none_or(|v| m.of.has(name, v)));
        match version {
            Some(_) => all.extend(mended.next().map(Mended::said)),
            None => all.extend(mended.map(Mended::said)),
        }
        let prereleases = self.prereleases.get(name);
        all.extend(prereleases.map(|which| format!("prereleases: {which}")));
        let denied = self.denied.iter().filter(about);
        all.extend(denied.map(|rule| format!("denied: {}", rule.said())));
        let hashes = self.hashes.iter().filter(|hashes| about(&&hashes.of));
        all.extend(hashes.map(Hashes::said));
        all
    }

    /// Every distribution that a rule is about.
    pub fn names(&self) -> BTreeSet<&PackageName> {
        let rules = self.constraints.iter().chain(&self.denied);
        let rules = rules.chain(self.metadata.iter().map(|m| &m.of));
        let rules = rules.chain(self.hashes.iter().map(|h| &h.of));
        let names = rules.map(|rule| &rule.requirement.name);
        names.chain(self.overrides.keys()).chain(self.prereleases.keys()).collect()
    }

    /// The first rule that replaces requirements on this distribution.
    pub fn override_of(&self, name: &PackageName) -> Option<&Rule> {
        match self.overrides.get(name)? {
            Override::By(rules) => rules.first(),
            Override::LeftOut(_) => None,
        }
    }

    /// The rule that replaces the metadata of this version.
    pub fn mended(&self, name: &PackageName, version: &Version) -> Option<&Mended> {
        self.metadata.iter().find(|mended| mended.of.has(name, version))
    }

    /// The requirements in place of this one: itself, others (for the same extra as the one they replace, without its
    /// other markers), or none. As in uv.
    pub fn in_force(
        &self,
        requirement: &Requirement<VerbatimUrl>,
    ) -> Vec<Requirement<VerbatimUrl>> {
        let rules = match self.overrides.get(&requirement.name) {
            None => return vec![requirement.clone()],
            Some(Override::LeftOut(_)) => return vec![],
            Some(Override::By(rules)) => rules,
        };
        let extra = requirement.marker.top_level_extra();
        let instead = |rule: &Rule| {
            let mut instead = rule.requirement.clone();
            if let Some(extra) = &extra {
                instead.marker.and(pep508_rs::MarkerTree::expression(extra.clone()));
            }
            instead
        };
        rules.iter().map(instead).collect()
    }
}

impl Hashes {
    /// Whether they apply to this version here, and it has none of them.
    pub fn forbid(
        &self,
        name: &PackageName,
        version: &Version,
        sha256: &Sha256,
        environment: &MarkerEnvironment,
    ) -> bool {
        self.of.has(name, version)
            && self.of.requirement.evaluate_markers(environment, &[])
            && !self.any.contains(sha256)
    }

    /// A set of hashes is identified by a hash of its own.
    fn said(&self) -> String {
        let each: Vec<String> = self.any.iter().map(ToString::to_string).collect();
        let all = Sha256::of(each.join(" ")).to_string();
        format!("hashes: one of {} ({}, {})", each.len(), self.of.origin.file, &all[..12])
    }
}

impl Mended {
    fn said(&self) -> String {
        let mut all = Vec::new();
        if let Some(requires) = &self.requires {
            let requires: Vec<_> = requires.iter().map(ToString::to_string).collect();
            all.push(format!("requires-dist {}", listed(&requires)));
        }
        all.extend(self.requires_python.as_ref().map(|python| format!("requires-python {python}")));
        if let Some(extras) = &self.extras {
            let extras: Vec<_> = extras.iter().map(ToString::to_string).collect();
            all.push(format!("provides-extra {}", listed(&extras)));
        }
        format!("metadata: {}: {}", self.of.requirement, all.join("; "))
    }
}

fn listed(all: &[String]) -> String {
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
