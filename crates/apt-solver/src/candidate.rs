//! A version of a package that could be installed, or is, with what decides about it.

use thiserror::Error;

use crate::relation::{BadRelation, Relation, parse_relations};
use crate::stanza::Stanza;
use crate::version::{BadVersion, Version};

/// A package, by its place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PackageId(pub(crate) u32);

/// A candidate, by its place in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CandidateId(pub(crate) u32);

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is installed in the base.
    Base,
    /// The place of its index in the question.
    Index(usize),
}

/// The field Multi-Arch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MultiArch {
    No,
    /// Several architectures of it can be installed at one version.
    Same,
    /// It satisfies relations of packages of any architecture.
    Foreign,
    /// It does where a relation says `:any`.
    Allowed,
}

#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub(crate) package: PackageId,
    pub(crate) stanza: Stanza<'a>,
    pub(crate) version: Version<'a>,
    pub(crate) origin: Origin,
    pub(crate) multi_arch: MultiArch,
    pub(crate) is_essential: bool,
    /// From 1 for required to 5 for extra.
    pub(crate) priority: u8,
    /// The field Source: a name, and a version where it is not the candidate's own.
    source: &'a str,
    /// By name: a list is looked up as often as others name it.
    provides: Vec<Relation<'a>>,
}

/// A stanza that was needed and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Its version.
    #[error("{package}: {bad}")]
    Version {
        /// Which package.
        package: String,
        /// What is wrong.
        bad: BadVersion,
    },
    /// One of its relations.
    #[error("{package}, {field}: {bad}")]
    Relation {
        /// Which package.
        package: String,
        /// Which field.
        field: &'static str,
        /// What is wrong.
        bad: BadRelation,
    },
    /// More names, versions and Provides than any archive has.
    #[error(
        "`{relation}` and what was looked up before have more candidates than the archives of a distribution"
    )]
    TooMuch {
        /// Where it became too much.
        relation: String,
    },
}

impl<'a> Candidate<'a> {
    pub(crate) fn read(
        package: PackageId,
        name: &str,
        stanza: Stanza<'a>,
        origin: Origin,
    ) -> Result<Self, Malformed> {
        let (mut version, mut provides, mut source) = ("", "", "");
        let (mut multi_arch, mut is_essential, mut priority) = (MultiArch::No, false, 4);
        for (field, value) in stanza.fields() {
            match field {
                "Version" => version = value,
                "Provides" => provides = value,
                "Source" => source = value,
                "Essential" => is_essential = value == "yes",
                "Multi-Arch" => {
                    multi_arch = match value {
                        "same" => MultiArch::Same,
                        "foreign" => MultiArch::Foreign,
                        "allowed" => MultiArch::Allowed,
                        _ => MultiArch::No,
                    }
                }
                "Priority" => priority = rank_of_priority(value),
                _ => {}
            }
        }
        let version = Version::parse(version)
            .map_err(|bad| Malformed::Version { package: name.to_owned(), bad })?;
        let mut provides: Vec<_> =
            relations(name, "Provides", provides)?.into_iter().flatten().collect();
        provides.sort_by_key(|provided| provided.name);
        Ok(Self {
            package,
            stanza,
            version,
            origin,
            multi_arch,
            is_essential,
            priority,
            source,
            provides,
        })
    }

    /// Name and version of the source it was built from, by the name of its package.
    pub(crate) fn source(&self, name: &'a str) -> (&'a str, &'a str) {
        let mut words = self.source.split([' ', '(', ')']).filter(|word| !word.is_empty());
        (words.next().unwrap_or(name), words.next().unwrap_or(self.version.as_str()))
    }

    /// What it provides under a name: several versions, perhaps.
    pub(crate) fn provided(&self, name: &str) -> impl Iterator<Item = &Relation<'a>> {
        let first = self.provides.partition_point(|provided| provided.name < name);
        self.provides[first..].iter().take_while(move |provided| provided.name == name)
    }
}

fn rank_of_priority(value: &str) -> u8 {
    match value {
        "required" => 1,
        "important" => 2,
        "standard" => 3,
        "extra" => 5,
        _ => 4,
    }
}

/// The groups of a field of a package.
pub(crate) fn relations<'a>(
    package: &str,
    field: &'static str,
    value: &'a str,
) -> Result<Vec<Vec<Relation<'a>>>, Malformed> {
    parse_relations(value).map_err(|bad| Malformed::Relation {
        package: package.to_owned(),
        field,
        bad,
    })
}
