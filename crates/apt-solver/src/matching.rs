//! Which candidates a relation means: names, versions, architectures (policy 7; deb-control(5) and dpkg for Multi-Arch).

use std::collections::HashSet;

use crate::candidate::{Candidate, CandidateId, Malformed, MultiArch, PackageId};
use crate::relation::{Operator, Relation};
use crate::world::{Package, World};

/// Packages and Provides that are looked at for all relations together: sixty packages of Debian with all that they need
/// take ten thousand.
const MOST_STEPS: usize = 2_000_000;

impl<'a> World<'a> {
    /// What satisfies one of the alternatives, for a package of an architecture: in the order in which it is tried. That
    /// is apt's: what is there already; then by alternatives; then the package of that name before those that provide
    /// it, and of these essential ones, the native architecture, the higher priority, the name.
    pub(crate) fn satisfying(
        &mut self,
        alternatives: &[Relation<'a>],
        architecture: &'a str,
    ) -> Result<Vec<CandidateId>, Malformed> {
        let mut found: Vec<CandidateId> = Vec::new();
        for relation in alternatives {
            let mut those = self.meant(relation, architecture, |package| &package.options)?;
            // Stable: of one package, the versions stay in their order.
            those.sort_by_key(|id| self.rank(*id, relation.name));
            found.extend(those);
        }
        let mut seen = HashSet::new();
        found.retain(|id| seen.insert(*id));
        found.sort_by_key(|id| !self.is_there(*id));
        Ok(found)
    }

    /// Whether what is installed in the base satisfies one of the alternatives.
    pub(crate) fn holds_in_base(
        &mut self,
        alternatives: &[Relation<'a>],
        architecture: &'a str,
    ) -> Result<bool, Malformed> {
        for relation in alternatives {
            if !self
                .meant(relation, architecture, |package| package.installed.as_slice())?
                .is_empty()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Of each package's candidates that `of` gives, those that satisfy a relation.
    fn meant(
        &mut self,
        relation: &Relation<'a>,
        architecture: &'a str,
        of: for<'p> fn(&'p Package<'a>) -> &'p [CandidateId],
    ) -> Result<Vec<CandidateId>, Malformed> {
        let mut found = Vec::new();
        if !relation.is_for(self.question.architecture) {
            return Ok(found);
        }
        for package in self.named(relation.name)? {
            let suits = |one: &Candidate<'_>| {
                relation.takes(&one.version) && self.suits(relation, architecture, one, package)
            };
            found.extend(of(self.package(package)).iter().filter(|id| suits(self.candidate(**id))));
        }
        for package in self.providers(relation.name)?.iter().copied() {
            let suits = |one: &Candidate<'_>| self.provides(relation, architecture, one, package);
            found.extend(of(self.package(package)).iter().filter(|id| suits(self.candidate(**id))));
        }
        self.examined(relation)?;
        Ok(found)
    }

    /// How much has been looked at: an archive made to cost hours is told from a large one.
    fn examined(&self, relation: &Relation<'_>) -> Result<(), Malformed> {
        if self.steps.get() > MOST_STEPS {
            return Err(Malformed::TooMuch { relation: relation.to_string() });
        }
        Ok(())
    }

    /// What may not be installed beside a package of this name that has this relation in its Conflicts or Breaks: of any
    /// architecture, but for itself under any name.
    pub(crate) fn against(
        &mut self,
        relation: &Relation<'a>,
        own_name: &str,
    ) -> Result<Vec<CandidateId>, Malformed> {
        let mut found = Vec::new();
        if !relation.is_for(self.question.architecture) {
            return Ok(found);
        }
        let is_meant = |architecture: &str, native: &str| match relation.qualifier {
            None | Some("any") => true,
            Some("native") => architecture == native,
            Some(named) => architecture == named,
        };
        if relation.name != own_name {
            for package in self.named(relation.name)? {
                if is_meant(self.package(package).architecture, self.question.architecture) {
                    let those = self.options(package);
                    found.extend(those.filter(|id| relation.takes(&self.candidate(*id).version)));
                }
            }
        }
        for package in self.providers(relation.name)?.iter().copied() {
            let its = self.package(package);
            if its.name != own_name && is_meant(its.architecture, self.question.architecture) {
                let is_provided = |id: &CandidateId| {
                    self.candidate(*id)
                        .provided(relation.name)
                        .inspect(|_| self.step())
                        .any(|provided| is_version(relation, provided))
                };
                found.extend(self.options(package).filter(is_provided));
            }
        }
        self.examined(relation)?;
        Ok(found)
    }

    pub(crate) fn options(&self, package: PackageId) -> impl Iterator<Item = CandidateId> + '_ {
        self.package(package).options.iter().copied()
    }

    fn step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    fn suits(
        &self,
        relation: &Relation<'_>,
        dependent: &str,
        one: &Candidate<'_>,
        package: PackageId,
    ) -> bool {
        self.step();
        let its = self.package(package).architecture;
        match relation.qualifier {
            None => its == dependent || one.multi_arch == MultiArch::Foreign,
            Some("any") => one.multi_arch == MultiArch::Allowed,
            Some("native") => its == self.question.architecture,
            Some(named) => its == named,
        }
    }

    fn provides(
        &self,
        relation: &Relation<'_>,
        dependent: &str,
        one: &Candidate<'_>,
        package: PackageId,
    ) -> bool {
        one.provided(relation.name).inspect(|_| self.step()).any(|provided| {
            let is_any = relation.qualifier == Some("any") && provided.qualifier == Some("any");
            is_version(relation, provided)
                && (is_any || self.suits(relation, dependent, one, package))
        })
    }

    /// Whether its package is installed, in whatever version, or was chosen before.
    fn is_there(&self, id: CandidateId) -> bool {
        let package = self.package_of(id);
        package.installed.is_some() || package.is_locked
    }

    fn rank(&self, id: CandidateId, name: &str) -> (bool, bool, bool, bool, u8, &'a str) {
        let (package, one) = (self.package_of(id), self.candidate(id));
        let is_foreign = package.architecture != self.question.architecture;
        (
            !self.is_there(id),
            package.name != name,
            !one.is_essential,
            is_foreign,
            one.priority,
            package.name,
        )
    }
}

/// Whether a Provides is of a version that the relation takes. One without a version satisfies none that asks for one
/// (policy 7.5).
fn is_version(relation: &Relation<'_>, provided: &Relation<'_>) -> bool {
    relation.bound.is_none()
        || matches!(provided.bound, Some((Operator::Equal, version)) if relation.takes(&version))
}
