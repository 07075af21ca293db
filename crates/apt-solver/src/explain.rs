//! A conflict of the search as sentences: how each side came to be, and what is between them.

use std::collections::HashSet;

pub(crate) use crate::failure::Failure;

use crate::candidate::CandidateId;
use crate::clauses::{Against, Cause};
use crate::relation::Relation;
use crate::search::{ClauseId, Conflict, Reason, Search};

/// What has been said, and of whom.
#[derive(Default)]
struct Telling {
    failure: Failure,
    told: HashSet<CandidateId>,
}

impl<'a> Search<'_, 'a> {
    /// Says why a conflict is one. What led to a choice that failed before is below it.
    pub(crate) fn explain(&self, conflict: &Conflict<'a>) -> Failure {
        let mut telling = Telling::default();
        match conflict {
            Conflict::NoOption(clause) => {
                self.tell_clause(&mut telling, *clause);
                self.tell_options(&mut telling, *clause, None);
            }
            Conflict::Pair(one, other, how) => {
                self.tell_in(&mut telling, *one);
                self.tell_in(&mut telling, *other);
                let line = self.between(*one, *other, *how);
                telling.failure.say(0, line);
            }
        }
        telling.failure
    }

    /// Why a candidate is in: from what is requested down to it.
    fn tell_in(&self, telling: &mut Telling, id: CandidateId) {
        let mut way = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at.filter(|id| telling.told.insert(*id)) {
            let Some(decided) = self.decided(id) else { break };
            let (Reason::Chosen(clause) | Reason::Forced(clause)) = decided.reason else { break };
            way.push((clause, id));
            at = match self.clause(clause).why {
                Cause::Relation(owner, ..) => Some(owner),
                _ => None,
            };
        }
        for (clause, id) in way.into_iter().rev() {
            self.say_clause(telling, clause, Some(id));
            if self.clause(clause).options.len() > 1 {
                self.tell_options(telling, clause, Some(id));
            }
        }
    }

    fn tell_clause(&self, telling: &mut Telling, clause: ClauseId) {
        if let Cause::Relation(owner, ..) = self.clause(clause).why {
            self.tell_in(telling, owner);
        }
        self.say_clause(telling, clause, None);
    }

    fn say_clause(&self, telling: &mut Telling, clause: ClauseId, taken: Option<CandidateId>) {
        let clause = self.clause(clause);
        let package =
            taken.or(clause.options.first().copied()).map(|id| self.world.package_of(id).name);
        let name = package.unwrap_or_default();
        let line = match &clause.why {
            Cause::Request(place) => {
                let request = self.world.question.requests[*place].to_string();
                telling.failure.requests.insert(request.clone());
                format!("{request} is requested")
            }
            Cause::BaseSet => format!("{name} belongs to what every system has"),
            Cause::Base => {
                telling.failure.base.insert(name.to_owned());
                format!("{name} is in the base, of which nothing is removed")
            }
            Cause::Relation(owner, field, alternatives) => {
                let asked = written(alternatives);
                let provider = taken.map(|id| self.world.package_of(id).name);
                let by = provider
                    .filter(|name| alternatives.iter().all(|relation| relation.name != *name));
                let by = by.map_or(String::new(), |name| format!(", which {name} provides"));
                format!("{} needs {asked} ({}){by}", self.named(*owner), field.name())
            }
        };
        telling.failure.say(0, line);
    }

    /// Why the options of a clause, but for the one that was taken, are out; where there is none, what there is instead.
    fn tell_options(&self, telling: &mut Telling, clause: ClauseId, taken: Option<CandidateId>) {
        let clause = self.clause(clause);
        if let (Cause::Relation(_, _, alternatives), true) =
            (&clause.why, clause.options.is_empty())
        {
            for relation in alternatives {
                telling.failure.say(1, self.missing(relation));
            }
        }
        for option in clause.options.iter().filter(|option| Some(**option) != taken) {
            match self.decided(*option).map(|decided| &decided.reason) {
                Some(Reason::Against(by, other, how)) => {
                    let line = self.between(*by, *other, *how);
                    telling.failure.say(1, line);
                    self.tell_in(telling, *by);
                }
                Some(Reason::Failed(_, failure)) => {
                    telling.failure.say(
                        1,
                        format!("{} was tried, and that leads nowhere:", self.named(*option)),
                    );
                    telling.failure.below(2, failure);
                }
                _ => {}
            }
        }
    }

    fn between(&self, one: CandidateId, other: CandidateId, how: Against<'a>) -> String {
        let (first, second) = (self.named(one), self.named(other));
        match how {
            Against::Relation(field, relation) => {
                format!("{first} does not go with {second}: its {} has {relation}", field.name())
            }
            Against::Version => format!("{first} and {second} are versions of one package"),
            Against::Architecture => {
                format!("{first} and {second} cannot be installed side by side (Multi-Arch)")
            }
        }
    }

    /// What there is of a name, where nothing of it will do.
    fn missing(&self, relation: &Relation<'a>) -> String {
        let mut there = Vec::new();
        let mut allowed = Vec::new();
        for package in self.world.known(relation.name) {
            there.extend(self.world.versions(package));
            allowed.extend(
                self.world.options(package).map(|id| self.world.candidate(id).version.to_string()),
            );
        }
        let labels: Vec<&str> =
            self.world.question.indexes.iter().map(|index| index.label()).collect();
        match (there.is_empty(), allowed.is_empty()) {
            (true, _) => format!("{relation} is not in {}", labels.join(", ")),
            (false, true) => format!(
                "{} is there as {}, which is not what is requested of it",
                relation.name,
                there.join(", ")
            ),
            (false, false) => format!("of {} there is {}", relation.name, there.join(", ")),
        }
    }

    /// `curl 8.14.1-2`, `libc6:i386 2.41-12`, and where it is in the base, in which state.
    fn named(&self, id: CandidateId) -> String {
        let package = self.world.package_of(id);
        let version = self.world.candidate(id).version;
        let is_foreign = package.architecture != self.world.question.architecture;
        let architecture =
            if is_foreign { format!(":{}", package.architecture) } else { String::new() };
        let held = if package.is_held { ", held" } else { "" };
        let base =
            if self.world.is_base(id) { format!(" (in the base{held})") } else { String::new() };
        format!("{}{architecture} {version}{base}", package.name)
    }
}

fn written(alternatives: &[Relation<'_>]) -> String {
    alternatives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}
