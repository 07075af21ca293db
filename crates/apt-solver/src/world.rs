//! What can be chosen from, found as it is asked for: packages with the versions that are allowed of each.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::candidate::{Candidate, CandidateId, Malformed, Origin, PackageId};
use crate::question::{Locked, Question};
use crate::request::Request;
use crate::stanza::Stanza;
use crate::status::Entry;
use crate::version::Version;

/// The priority of what is installed (apt_preferences(5)).
const PRIORITY_OF_INSTALLED: i16 = 100;

/// A package of one architecture.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) architecture: &'a str,
    /// The versions that are allowed, the preferred ones first.
    pub(crate) options: Vec<CandidateId>,
    pub(crate) installed: Option<CandidateId>,
    pub(crate) is_held: bool,
    pub(crate) is_locked: bool,
}

pub(crate) struct World<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) packages: Vec<Package<'a>>,
    pub(crate) candidates: Vec<Candidate<'a>>,
    /// Packages of the base that go with another one of the same source, which was chosen.
    pub(crate) siblings: HashMap<PackageId, &'a str>,
    /// How much has been looked at.
    pub(crate) steps: Cell<usize>,
    ids: HashMap<(&'a str, &'a str), Option<PackageId>>,
    providers: HashMap<&'a str, Rc<[PackageId]>>,
    base: HashMap<(&'a str, &'a str), &'a Entry<'a>>,
    provided_by_base: HashMap<&'a str, Vec<&'a str>>,
    requests: HashMap<(&'a str, &'a str), Vec<&'a Request>>,
    locked: HashMap<(&'a str, &'a str), &'a Locked>,
}

impl<'a> World<'a> {
    pub(crate) fn new(question: Question<'a>) -> Result<Self, Malformed> {
        let native = question.architecture;
        let of = |architecture: &'a str| if architecture == "all" { native } else { architecture };
        let base: HashMap<_, _> = question
            .base
            .entries()
            .map(|(name, architecture, entry)| ((name, of(architecture)), entry))
            .collect();
        let locked = question.locked.iter();
        let mut world = Self {
            question,
            packages: Vec::new(),
            candidates: Vec::new(),
            siblings: HashMap::new(),
            steps: Cell::new(0),
            ids: HashMap::new(),
            providers: HashMap::new(),
            base,
            provided_by_base: HashMap::new(),
            requests: HashMap::new(),
            locked: locked.map(|one| ((one.name.as_str(), of(&one.architecture)), one)).collect(),
        };
        for (name, _, entry) in question.base.entries() {
            let field = entry.stanza.field("Provides").unwrap_or_default();
            for provided in
                crate::candidate::relations(name, "Provides", field)?.into_iter().flatten()
            {
                world.provided_by_base.entry(provided.name).or_default().push(name);
            }
        }
        Ok(world)
    }

    /// Says that a package is requested, and in which versions. Before anybody asks for it.
    pub(crate) fn want(
        &mut self,
        name: &'a str,
        architecture: &'a str,
        bound: Option<&'a Request>,
    ) {
        self.requests.entry((name, architecture)).or_default().extend(bound);
    }

    /// Whether there is any version of a package.
    pub(crate) fn has(&self, name: &str, architecture: &str) -> bool {
        let mut stanzas = self.question.indexes.iter().flat_map(|index| index.named(name));
        self.base.contains_key(&(name, architecture))
            || stanzas.any(|stanza| self.is_for(stanza, architecture))
    }

    /// All architectures that packages can be of, the native one first.
    pub(crate) fn architectures(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        std::iter::once(self.question.architecture)
            .chain(self.question.foreign.iter().map(String::as_str))
    }

    pub(crate) fn package(&self, id: PackageId) -> &Package<'a> {
        &self.packages[id.0 as usize]
    }

    pub(crate) fn candidate(&self, id: CandidateId) -> &Candidate<'a> {
        &self.candidates[id.0 as usize]
    }

    /// The package that a candidate is a version of.
    pub(crate) fn package_of(&self, id: CandidateId) -> &Package<'a> {
        self.package(self.candidate(id).package)
    }

    pub(crate) fn is_base(&self, id: CandidateId) -> bool {
        self.candidate(id).origin == Origin::Base
    }

    /// A name's packages in all architectures.
    pub(crate) fn named(&mut self, name: &'a str) -> Result<Vec<PackageId>, Malformed> {
        let mut found = Vec::new();
        for architecture in self.architectures() {
            found.extend(self.find(name, architecture)?);
        }
        Ok(found)
    }

    /// The packages that may provide a name, each once.
    pub(crate) fn providers(&mut self, name: &'a str) -> Result<Rc<[PackageId]>, Malformed> {
        if let Some(known) = self.providers.get(name) {
            return Ok(Rc::clone(known));
        }
        let mut names: Vec<&'a str> =
            self.question.indexes.iter().flat_map(|index| index.providers(name)).collect();
        names.extend(self.provided_by_base.get(name).into_iter().flatten());
        names.sort_unstable();
        names.dedup();
        let mut found = Vec::new();
        for provider in names {
            found.extend(self.named(provider)?);
        }
        let found: Rc<[PackageId]> = found.into();
        self.providers.insert(name, Rc::clone(&found));
        Ok(found)
    }

    /// A package of one architecture, if there is any version of it.
    pub(crate) fn find(
        &mut self,
        name: &'a str,
        architecture: &'a str,
    ) -> Result<Option<PackageId>, Malformed> {
        if let Some(known) = self.ids.get(&(name, architecture)) {
            return Ok(*known);
        }
        let id = PackageId(u32::try_from(self.packages.len()).unwrap_or(u32::MAX));
        let entry = self.base.get(&(name, architecture)).copied();
        let mut stanzas: Vec<(Origin, Stanza<'a>)> =
            entry.iter().map(|entry| (Origin::Base, entry.stanza)).collect();
        for (place, index) in self.question.indexes.iter().enumerate() {
            let its = index.named(name).filter(|stanza| self.is_for(*stanza, architecture));
            stanzas.extend(its.map(|stanza| (Origin::Index(place), stanza)));
        }
        let id = if stanzas.is_empty() { None } else { Some(id) };
        self.ids.insert((name, architecture), id);
        if let Some(id) = id {
            let versions = stanzas
                .into_iter()
                .map(|(origin, stanza)| Candidate::read(id, name, stanza, origin))
                .collect::<Result<Vec<_>, _>>()?;
            let is_held = entry.is_some_and(|entry| entry.is_held);
            self.allow(name, architecture, is_held, versions);
        }
        Ok(id)
    }

    /// What [`World::named`] has found before.
    pub(crate) fn known(&self, name: &'a str) -> Vec<PackageId> {
        self.architectures()
            .filter_map(|architecture| *self.ids.get(&(name, architecture))?)
            .collect()
    }

    /// All versions of a package, also those that are not allowed, and where they are.
    pub(crate) fn versions(&self, package: PackageId) -> Vec<String> {
        let those = self.candidates.iter().filter(|one| one.package == package);
        let place = |origin| match origin {
            Origin::Base if self.package(package).is_held => "the base, held",
            Origin::Base => "the base",
            Origin::Index(place) => self.question.indexes[place].label(),
        };
        those.map(|one| format!("{} ({})", one.version, place(one.origin))).collect()
    }

    /// Prefers a version of a package to what is installed, as it is of the same source as something that was chosen.
    pub(crate) fn prefer(&mut self, id: CandidateId, of: &'a str) {
        let package = self.candidate(id).package;
        self.siblings.insert(package, of);
        self.packages[package.0 as usize].options.sort_by_key(|option| *option != id);
    }

    /// Debug symbols and the installer's packages are in archives, too (`Package-Type`), and are never installed.
    pub(crate) fn is_for(&self, stanza: Stanza<'_>, architecture: &str) -> bool {
        let its = stanza.field("Architecture").unwrap_or_default();
        (its == architecture || its == "all" && architecture == self.question.architecture)
            && stanza.field("Package-Type").is_none_or(|kind| kind == "deb")
    }

    /// Decides which versions are allowed. What is installed stays unless something needs more; then comes what was locked,
    /// then apt's candidate. Nothing becomes older.
    fn allow(
        &mut self,
        name: &'a str,
        architecture: &'a str,
        is_held: bool,
        versions: Vec<Candidate<'a>>,
    ) {
        let requested = self.requests.get(&(name, architecture));
        let requests = requested.map_or(&[][..], Vec::as_slice);
        let locked = self
            .locked
            .get(&(name, architecture))
            .and_then(|one| Version::parse(&one.version).ok());
        let installed = versions
            .first()
            .filter(|first| first.origin == Origin::Base)
            .map(|first| first.version);
        let is_allowed = |one: &Candidate<'a>| {
            requests.iter().all(|request| request.takes(&one.version))
                && match one.origin {
                    Origin::Base => true,
                    Origin::Index(_) => {
                        !is_held && installed.is_none_or(|installed| one.version > installed)
                    }
                }
        };
        let rank = |one: &Candidate<'a>| match one.origin {
            Origin::Base => PRIORITY_OF_INSTALLED,
            Origin::Index(place) => self.question.indexes[place].priority(),
        };
        let newest = (0..versions.len())
            .rev()
            .filter(|at| is_allowed(&versions[*at]))
            .max_by_key(|at| (rank(&versions[*at]), versions[*at].version));
        let kept = locked.and_then(|locked| {
            (0..versions.len())
                .find(|at| versions[*at].version == locked && is_allowed(&versions[*at]))
        });
        let stays = (0..versions.len().min(1))
            .find(|at| versions[*at].origin == Origin::Base && requested.is_none());
        let first = u32::try_from(self.candidates.len()).unwrap_or(u32::MAX);
        let mut options: Vec<usize> = Vec::new();
        for at in [stays, kept, newest].into_iter().flatten() {
            if !options.contains(&at) {
                options.push(at);
            }
        }
        let id =
            |at: usize| CandidateId(first.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)));
        self.packages.push(Package {
            name,
            architecture,
            options: options.into_iter().map(id).collect(),
            installed: installed.map(|_| id(0)),
            is_held,
            is_locked: locked.is_some(),
        });
        self.candidates.extend(versions);
    }
}
