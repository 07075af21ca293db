//! What follows from a candidate being installed: groups of which one must be, and others that may not be.

use crate::candidate::{CandidateId, Malformed, MultiArch, Origin, relations};
use crate::relation::Relation;
use crate::world::World;

/// A field that says what else must or may not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `Pre-Depends`
    PreDepends,
    /// `Depends`
    Depends,
    /// `Recommends`
    Recommends,
    /// `Conflicts`
    Conflicts,
    /// `Breaks`
    Breaks,
}

impl Field {
    /// As control files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Recommends => "Recommends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
        }
    }
}

/// One of these must be installed.
#[derive(Debug, Clone)]
pub(crate) struct Clause<'a> {
    pub(crate) why: Cause<'a>,
    /// In the order in which they are tried.
    pub(crate) options: Vec<CandidateId>,
    /// It need not be (Recommends).
    pub(crate) is_optional: bool,
}

/// Why one of the options must be installed.
#[derive(Debug, Clone)]
pub(crate) enum Cause<'a> {
    /// It is requested: the place in the question.
    Request(usize),
    /// It belongs to the set that a system from nothing has.
    BaseSet,
    /// It is in the base, and nothing of the base is removed.
    Base,
    /// A relation of an installed candidate.
    Relation(CandidateId, Field, Vec<Relation<'a>>),
}

/// Why two candidates cannot both be installed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Against<'a> {
    /// The first one's field says so.
    Relation(Field, Relation<'a>),
    /// They are versions of one package.
    Version,
    /// They are architectures of one package that do not go together.
    Architecture,
}

/// What a candidate asks for.
#[derive(Debug, Default)]
pub(crate) struct Consequences<'a> {
    pub(crate) clauses: Vec<Clause<'a>>,
    pub(crate) against: Vec<(CandidateId, Against<'a>)>,
}

impl<'a> World<'a> {
    /// Reads what follows from a candidate. Of what is installed in the base only that counts which holds there now: a base
    /// that was made smaller by force, as distroless images are, is taken as it is.
    pub(crate) fn consequences(&mut self, id: CandidateId) -> Result<Consequences<'a>, Malformed> {
        let mut all = Consequences::default();
        let (stanza, is_base) = (self.candidate(id).stanza, self.is_base(id));
        let (name, architecture) = (self.package_of(id).name, self.package_of(id).architecture);
        let follows_recommends = self.question.recommends && !is_base;
        for field in [Field::PreDepends, Field::Depends, Field::Recommends] {
            if field == Field::Recommends && !follows_recommends {
                continue;
            }
            let value = stanza.field(field.name()).unwrap_or_default();
            for alternatives in relations(name, field.name(), value)? {
                if !alternatives.iter().any(|relation| relation.is_for(self.question.architecture))
                {
                    continue;
                }
                if is_base && !self.holds_in_base(&alternatives, architecture)? {
                    continue;
                }
                let options = self.satisfying(&alternatives, architecture)?;
                if options.contains(&id) {
                    continue;
                }
                let why = Cause::Relation(id, field, alternatives);
                all.clauses.push(Clause { why, options, is_optional: field == Field::Recommends });
            }
        }
        for field in [Field::Conflicts, Field::Breaks] {
            let value = stanza.field(field.name()).unwrap_or_default();
            for relation in relations(name, field.name(), value)?.into_iter().flatten() {
                let others = self.against(&relation, name)?;
                let those = others.into_iter().filter(|other| !is_base || !self.is_base(*other));
                all.against.extend(those.map(|other| (other, Against::Relation(field, relation))));
            }
        }
        self.beside(id, &mut all)?;
        Ok(all)
    }

    /// Other versions and architectures of the same package.
    fn beside(&mut self, id: CandidateId, all: &mut Consequences<'a>) -> Result<(), Malformed> {
        let own = self.candidate(id).package;
        let (version, multi_arch) = (self.candidate(id).version, self.candidate(id).multi_arch);
        for package in self.named(self.package(own).name)? {
            for other in self.options(package).filter(|other| *other != id) {
                let one = self.candidate(other);
                let go_together = multi_arch == MultiArch::Same
                    && one.multi_arch == MultiArch::Same
                    && one.version == version;
                if package == own {
                    all.against.push((other, Against::Version));
                } else if !(go_together || self.is_base(id) && one.origin == Origin::Base) {
                    all.against.push((other, Against::Architecture));
                }
            }
        }
        Ok(())
    }
}
