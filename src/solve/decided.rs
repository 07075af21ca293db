//! The catalog with the user's rules applied: versions beyond a constraint are not candidates, metadata is corrected,
//! requirements are overridden. Solver and explanations both use this view.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use pep440_rs::Version;
use pep508_rs::{
    ExtraName, ExtraOperator, MarkerEnvironment, MarkerExpression, MarkerValueExtra, PackageName,
    Requirement, VerbatimUrl, VersionOrUrl,
};
use pubgrub::Ranges;

use super::range::{names_prerelease, range};
use crate::catalog::{Candidate, Catalog, Problem, Project, Skip, Skipped, WheelFile};
use crate::cuda::CudaTag;
use crate::python::CoreMetadata;
use crate::spec::{Mended, Prereleases, Rule, Rules};

/// A catalog with rules applied.
pub(super) struct Decided<'a> {
    catalog: &'a dyn Catalog,
    pub(super) rules: &'a Rules,
    environment: &'a MarkerEnvironment,
    bounds: BTreeMap<PackageName, Bounds<'a>>,
    projects: RefCell<BTreeMap<PackageName, Arc<Project>>>,
    metadata: RefCell<BTreeMap<(PackageName, Version), Arc<CoreMetadata>>>,
}

/// The rules that apply to one distribution, each with the versions that it allows.
#[derive(Default)]
struct Bounds<'a>(Vec<(Ranges<Version>, Against<'a>)>);

/// What forbids a version.
#[derive(Clone, Copy)]
pub(super) enum Against<'a> {
    /// A bound.
    Constraint(&'a Rule),
    /// A denial.
    Denied(&'a Rule),
    /// `prereleases = "never"`
    Never,
}

impl Against<'_> {
    /// What follows the version in a sentence.
    fn why(self, name: &PackageName) -> String {
        match self {
            Against::Constraint(Rule { requirement, origin }) => {
                format!("is beyond the constraint {requirement} ({origin})")
            }
            Against::Denied(Rule { requirement, origin }) => {
                format!("is denied: {requirement} ({origin})")
            }
            Against::Never => format!("is a pre-release, and [packages] {name} says never"),
        }
    }

    /// How it can be changed.
    pub(super) fn advice(self, name: &PackageName) -> String {
        match self {
            Against::Constraint(Rule { requirement, origin }) => {
                format!("loosen the constraint {requirement} ({origin})")
            }
            Against::Denied(Rule { requirement, origin }) => {
                format!("take {requirement} out of [deny] ({origin})")
            }
            Against::Never => {
                format!("set [packages] {name} = {{ prereleases = \"if-necessary\" }}")
            }
        }
    }
}

impl<'a> Decided<'a> {
    /// The catalog under these rules; a rule whose marker does not hold here is ignored.
    pub(super) fn new(
        catalog: &'a dyn Catalog,
        rules: &'a Rules,
        environment: &'a MarkerEnvironment,
    ) -> Self {
        let mut bounds: BTreeMap<PackageName, Bounds> = BTreeMap::new();
        let holds = |rule: &&Rule| rule.requirement.evaluate_markers(environment, &[]);
        let mut add = |rule: &'a Rule, left, bound| {
            bounds.entry(rule.requirement.name.clone()).or_default().0.push((left, bound));
        };
        for rule in rules.constraints.iter().filter(holds) {
            add(rule, versions(&rule.requirement), Against::Constraint(rule));
        }
        for rule in rules.denied.iter().filter(holds) {
            add(rule, versions(&rule.requirement).complement(), Against::Denied(rule));
        }
        let (projects, metadata) = (RefCell::default(), RefCell::default());
        Decided { catalog, rules, environment, bounds, projects, metadata }
    }

    /// The same catalog with other rules.
    pub(super) fn with<'b>(
        &'b self,
        rules: &'b Rules,
        environment: &'b MarkerEnvironment,
    ) -> Decided<'b> {
        Decided::new(self.catalog, rules, environment)
    }

    /// The versions of a distribution that the rules allow; `None`: all.
    pub(super) fn left(&self, name: &PackageName) -> Option<Ranges<Version>> {
        let bounds = &self.bounds.get(name)?.0;
        Some(bounds.iter().fold(Ranges::full(), |all, (left, _)| all.intersection(left)))
    }

    /// The rule that denies all versions of it.
    pub(super) fn denied(&self, name: &PackageName) -> Option<&'a Rule> {
        self.bounds.get(name)?.0.iter().find_map(|(left, against)| match against {
            Against::Denied(rule) if left.is_empty() => Some(*rule),
            _ => None,
        })
    }

    /// Which of its pre-releases may be taken, where a rule says it.
    pub(super) fn prereleases(&self, name: &PackageName) -> Option<Prereleases> {
        self.rules.prereleases.get(name).copied()
    }

    /// Whether a constraint names a pre-release of it, which asks for that as a requirement does.
    pub(super) fn names_prerelease(&self, name: &PackageName) -> bool {
        let bounds = self.bounds.get(name).into_iter().flat_map(|bounds| &bounds.0);
        bounds.into_iter().any(|(_, bound)| match bound {
            Against::Constraint(rule) => names_prerelease(&rule.requirement),
            Against::Denied(_) | Against::Never => false,
        })
    }

    /// What forbids this version.
    pub(super) fn against(&self, name: &PackageName, version: &Version) -> Option<Against<'a>> {
        if self.prereleases(name) == Some(Prereleases::Never) && version.any_prerelease() {
            return Some(Against::Never);
        }
        let bounds = self.bounds.get(name)?;
        let (_, bound) = bounds.0.iter().find(|(left, _)| !left.contains(version))?;
        Some(*bound)
    }

    /// Why this version is forbidden, as a sentence.
    pub(super) fn why_not(&self, name: &PackageName, version: &Version) -> Option<String> {
        let against = self.against(name, version)?;
        Some(format!("{name} {version} {}", against.why(name)))
    }

    /// If its hash is none of those that a requirements file has: what follows the version in a sentence.
    fn another_file(&self, candidate: &Candidate) -> Option<String> {
        // Without stated hashes no file is checked.
        if self.rules.hashes.is_empty() {
            return None;
        }
        let Candidate { name, version, .. } = candidate;
        let WheelFile { file, sha256: Some(sha256), .. } = &**candidate else { return None };
        let mut all = self.rules.hashes.iter();
        let hashes = all.find(|h| h.forbid(name, version, sha256, self.environment))?;
        let Rule { origin, .. } = &hashes.of;
        Some(format!("is the file {file} with sha256 {sha256}, which {origin} does not have"))
    }

    fn ruled(&self, project: &Project) -> Project {
        let (mut candidates, mut skipped) = (Vec::new(), project.skipped.clone());
        for candidate in &project.candidates {
            let Candidate { name, version, .. } = candidate;
            let against = self.against(name, version).map(|against| against.why(name));
            match against.or_else(|| self.another_file(candidate)) {
                None => candidates.push(candidate.clone()),
                Some(why) => {
                    skipped
                        .push(Skipped { version: version.clone(), why: Skip::Ruled(why).into() });
                }
            }
        }
        skipped.sort_by(|a, b| b.version.cmp(&a.version));
        Project { candidates, skipped, ..project.clone() }
    }

    fn mended(&self, candidate: &Candidate, mended: &Mended) -> Result<Arc<CoreMetadata>, Problem> {
        // The wheel's own metadata may be unreadable: that can be why it was corrected.
        let own = match &mended.requires {
            Some(requires) => CoreMetadata {
                name: candidate.name.clone(),
                version: candidate.version.clone(),
                requires: requires.clone(),
                requires_python: None,
                extras: named_extras(requires),
            },
            None => self.catalog.metadata(candidate)?.as_ref().clone(),
        };
        Ok(Arc::new(CoreMetadata {
            requires_python: mended.requires_python.clone().or(own.requires_python),
            extras: mended.extras.clone().unwrap_or(own.extras),
            ..own
        }))
    }

    fn overridden(&self, metadata: Arc<CoreMetadata>) -> Arc<CoreMetadata> {
        let is_overridden =
            |r: &Requirement<VerbatimUrl>| self.rules.overrides.contains_key(&r.name);
        if !metadata.requires.iter().any(is_overridden) {
            return metadata;
        }
        let requires = metadata.requires.iter().flat_map(|r| self.rules.in_force(r)).collect();
        // An extra exists even if all requirements for it are left out.
        let mut extras = metadata.extras.clone();
        let named = named_extras(&metadata.requires).into_iter();
        extras.extend(named.filter(|extra| !metadata.extras.contains(extra)));
        Arc::new(CoreMetadata { requires, extras, ..metadata.as_ref().clone() })
    }
}

impl Catalog for Decided<'_> {
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem> {
        let never = self.prereleases(name) == Some(Prereleases::Never);
        let hashed = self.rules.hashes.iter().any(|hashes| hashes.of.requirement.name == *name);
        if !never && !hashed && !self.bounds.contains_key(name) {
            return self.catalog.project(name);
        }
        if let Some(known) = self.projects.borrow().get(name) {
            return Ok(Arc::clone(known));
        }
        if let Some(rule) = self.denied(name) {
            return Err(Problem::NotFound(format!("{name} is denied ({})", rule.origin)));
        }
        let ruled = Arc::new(self.ruled(&*self.catalog.project(name)?));
        self.projects.borrow_mut().insert(name.clone(), Arc::clone(&ruled));
        Ok(ruled)
    }

    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem> {
        let mended = self.rules.mended(&candidate.name, &candidate.version);
        if mended.is_none() && self.rules.overrides.is_empty() {
            return self.catalog.metadata(candidate);
        }
        let key = (candidate.name.clone(), candidate.version.clone());
        if let Some(known) = self.metadata.borrow().get(&key) {
            return Ok(Arc::clone(known));
        }
        let metadata = match mended {
            Some(mended) => self.mended(candidate, mended)?,
            None => self.catalog.metadata(candidate)?,
        };
        let metadata = self.overridden(metadata);
        self.metadata.borrow_mut().insert(key, Arc::clone(&metadata));
        Ok(metadata)
    }

    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem> {
        self.catalog.cuda_build(candidate)
    }
}

fn versions(requirement: &Requirement<VerbatimUrl>) -> Ranges<Version> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => range(specifiers),
        _ => Ranges::full(),
    }
}

/// The extras that these requirements are for.
fn named_extras(requires: &[Requirement<VerbatimUrl>]) -> Vec<ExtraName> {
    let mut extras: Vec<ExtraName> = Vec::new();
    for requirement in requires {
        for expression in requirement.marker.to_dnf().into_iter().flatten() {
            if let MarkerExpression::Extra { operator: ExtraOperator::Equal, name } = expression
                && let MarkerValueExtra::Extra(name) = name
                && !extras.contains(&name)
            {
                extras.push(name);
            }
        }
    }
    extras
}

#[cfg(test)]
mod tests;
