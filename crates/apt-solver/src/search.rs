//! The search: what must be is taken first, then one choice after another; where choices do not go together, the last one
//! that has to do with it is taken back, and not made again.

use std::rc::Rc;

use crate::candidate::{CandidateId, Malformed};
use crate::clauses::{Against, Clause, Consequences};
use crate::explain::Failure;
use crate::world::World;

/// How often choices may be found not to go together. Debian's own archives lead to a handful.
const MOST_CONFLICTS: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClauseId(u32);

/// Why a candidate is in or out.
#[derive(Debug, Clone)]
pub(crate) enum Reason<'a> {
    /// In: chosen among the options of a clause.
    Chosen(ClauseId),
    /// In: the only option left.
    Forced(ClauseId),
    /// Out: it cannot be beside what is in.
    Against(CandidateId, CandidateId, Against<'a>),
    /// Out: together with these it led nowhere.
    Failed(Vec<CandidateId>, Rc<Failure>),
}

/// What is known of a candidate.
#[derive(Debug, Clone)]
pub(crate) struct Decided<'a> {
    pub(crate) is_in: bool,
    pub(crate) reason: Reason<'a>,
    /// How many choices had been made.
    level: usize,
}

/// What cannot be.
#[derive(Debug, Clone)]
pub(crate) enum Conflict<'a> {
    /// All options of a clause are out.
    NoOption(ClauseId),
    /// Two candidates are in that may not both be.
    Pair(CandidateId, CandidateId, Against<'a>),
}

/// How a search ends without an answer.
pub(crate) enum Stop {
    Malformed(Malformed),
    Impossible(Rc<Failure>),
    TooHard,
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Where a choice was made: what there was before.
struct Level {
    trail: usize,
    open: usize,
    next: usize,
}

pub(crate) struct Search<'w, 'a> {
    pub(crate) world: &'w mut World<'a>,
    clauses: Vec<Clause<'a>>,
    decided: Vec<Option<Decided<'a>>>,
    /// What each candidate asks for, once it was in.
    owned: Vec<Option<Rc<Owned<'a>>>>,
    /// Clauses by their options.
    watching: Vec<Vec<ClauseId>>,
    trail: Vec<CandidateId>,
    /// How much of the trail has been followed up.
    followed: usize,
    /// Clauses of what is in, in the order in which they were found; how many of them need no choice any more.
    open: Vec<ClauseId>,
    next: usize,
    levels: Vec<Level>,
}

struct Owned<'a> {
    clauses: Vec<ClauseId>,
    against: Vec<(CandidateId, Against<'a>)>,
}

impl<'w, 'a> Search<'w, 'a> {
    pub(crate) fn new(world: &'w mut World<'a>) -> Self {
        Self {
            world,
            clauses: Vec::new(),
            decided: Vec::new(),
            owned: Vec::new(),
            watching: Vec::new(),
            trail: Vec::new(),
            followed: 0,
            open: Vec::new(),
            next: 0,
            levels: Vec::new(),
        }
    }

    pub(crate) fn clause(&self, id: ClauseId) -> &Clause<'a> {
        &self.clauses[id.0 as usize]
    }

    pub(crate) fn decided(&self, id: CandidateId) -> Option<&Decided<'a>> {
        self.decided.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn is_in(&self, id: CandidateId) -> bool {
        self.decided(id).is_some_and(|decided| decided.is_in)
    }

    /// What is in, in the order of its discovery.
    pub(crate) fn chosen(&self) -> impl Iterator<Item = CandidateId> + '_ {
        self.trail.iter().copied().filter(|id| self.is_in(*id))
    }

    /// What a candidate that is in depends on, of what is in.
    pub(crate) fn needs(&self, id: CandidateId) -> impl Iterator<Item = CandidateId> + '_ {
        let owned = self.owned.get(id.0 as usize).and_then(Option::as_ref);
        let clauses =
            owned.into_iter().flat_map(|owned| &owned.clauses).map(|clause| self.clause(*clause));
        let options =
            clauses.filter(|clause| !clause.is_optional).flat_map(|clause| &clause.options);
        options.copied().filter(|option| self.is_in(*option))
    }

    /// Finds what satisfies these clauses and all that follows from them.
    pub(crate) fn run(&mut self, roots: Vec<Clause<'a>>) -> Result<(), Stop> {
        let mut conflicts = 0;
        let ids: Vec<ClauseId> = roots.into_iter().map(|root| self.register(root)).collect();
        let mut found = ids.into_iter().find_map(|id| self.follow_clause(id));
        loop {
            if found.is_none() {
                found = self.propagate()?;
            }
            let Some(conflict) = found.take() else {
                let Some((clause, option)) = self.choice() else { return Ok(()) };
                self.levels.push(Level {
                    trail: self.trail.len(),
                    open: self.open.len(),
                    next: self.next,
                });
                self.decide(option, true, Reason::Chosen(clause));
                continue;
            };
            conflicts += 1;
            if conflicts > MOST_CONFLICTS {
                return Err(Stop::TooHard);
            }
            self.learn(&conflict)?;
        }
    }

    fn register(&mut self, clause: Clause<'a>) -> ClauseId {
        let id = ClauseId(u32::try_from(self.clauses.len()).unwrap_or(u32::MAX));
        for option in &clause.options {
            grown(&mut self.watching, *option).push(id);
        }
        self.clauses.push(clause);
        id
    }

    fn decide(&mut self, id: CandidateId, is_in: bool, reason: Reason<'a>) {
        *grown(&mut self.decided, id) = Some(Decided { is_in, reason, level: self.levels.len() });
        self.trail.push(id);
    }

    /// Follows up what was decided, until nothing more follows or something cannot be.
    fn propagate(&mut self) -> Result<Option<Conflict<'a>>, Malformed> {
        while let Some(id) = self.trail.get(self.followed).copied() {
            self.followed += 1;
            let conflict = if self.is_in(id) { self.follow_in(id)? } else { self.follow_out(id) };
            if conflict.is_some() {
                return Ok(conflict);
            }
        }
        Ok(None)
    }

    fn follow_in(&mut self, id: CandidateId) -> Result<Option<Conflict<'a>>, Malformed> {
        let owned = match grown(&mut self.owned, id) {
            Some(owned) => Rc::clone(owned),
            None => {
                let Consequences { clauses, against } = self.world.consequences(id)?;
                let clauses = clauses.into_iter().map(|clause| self.register(clause)).collect();
                let owned = Rc::new(Owned { clauses, against });
                *grown(&mut self.owned, id) = Some(Rc::clone(&owned));
                owned
            }
        };
        for (other, how) in &owned.against {
            match self.decided(*other) {
                Some(decided) if decided.is_in => {
                    return Ok(Some(Conflict::Pair(id, *other, *how)));
                }
                Some(_) => {}
                None => self.decide(*other, false, Reason::Against(id, *other, *how)),
            }
        }
        Ok(owned.clauses.iter().find_map(|clause| self.follow_clause(*clause)))
    }

    fn follow_out(&mut self, id: CandidateId) -> Option<Conflict<'a>> {
        let watching = std::mem::take(grown(&mut self.watching, id));
        let conflict = watching.iter().find_map(|clause| match self.owner(*clause) {
            Some(owner) if !self.is_in(owner) => None,
            _ => self.unit(*clause),
        });
        *grown(&mut self.watching, id) = watching;
        conflict
    }

    /// The candidate whose relation a clause is.
    fn owner(&self, clause: ClauseId) -> Option<CandidateId> {
        match self.clause(clause).why {
            crate::clauses::Cause::Relation(owner, ..) => Some(owner),
            _ => None,
        }
    }

    fn follow_clause(&mut self, id: ClauseId) -> Option<Conflict<'a>> {
        self.open.push(id);
        self.unit(id)
    }

    /// Takes the last option of a clause that must hold.
    fn unit(&mut self, id: ClauseId) -> Option<Conflict<'a>> {
        let clause = self.clause(id);
        if clause.is_optional || clause.options.iter().any(|option| self.is_in(*option)) {
            return None;
        }
        let mut left =
            clause.options.iter().copied().filter(|option| self.decided(*option).is_none());
        match (left.next(), left.next()) {
            (None, _) => return Some(Conflict::NoOption(id)),
            (Some(last), None) => self.decide(last, true, Reason::Forced(id)),
            _ => {}
        }
        None
    }

    /// The next clause that needs a choice, and its first option: Recommends at last.
    fn choice(&mut self) -> Option<(ClauseId, CandidateId)> {
        let option = |clause: ClauseId| {
            let options = &self.clause(clause).options;
            let is_open = !options.iter().any(|option| self.is_in(*option));
            options.iter().copied().find(|option| is_open && self.decided(*option).is_none())
        };
        let must = |clause: &ClauseId| !self.clause(*clause).is_optional;
        let first = (self.next..self.open.len())
            .find(|at| must(&self.open[*at]) && option(self.open[*at]).is_some())
            .unwrap_or(self.open.len());
        let found = match self.open.get(first) {
            Some(clause) => option(*clause).map(|option| (*clause, option)),
            None => self
                .open
                .iter()
                .filter(|clause| !must(clause))
                .find_map(|clause| Some((*clause, option(*clause)?))),
        };
        self.next = first;
        found
    }

    /// Finds the choices that a conflict comes from, takes back the last of them and what came after the one before, and
    /// holds it to be out.
    fn learn(&mut self, conflict: &Conflict<'a>) -> Result<(), Stop> {
        let failure = Rc::new(self.explain(conflict));
        let mut choices = self.choices_behind(conflict);
        choices.sort_by_key(|id| self.decided(*id).map_or(0, |decided| decided.level));
        let Some(last) = choices.pop() else { return Err(Stop::Impossible(failure)) };
        let level =
            choices.last().and_then(|id| self.decided(*id)).map_or(0, |decided| decided.level);
        self.back_to(level);
        self.decide(last, false, Reason::Failed(choices, failure));
        Ok(())
    }

    fn choices_behind(&self, conflict: &Conflict<'a>) -> Vec<CandidateId> {
        let mut seen = vec![false; self.decided.len()];
        let mut left = self.causes(conflict);
        let mut choices = Vec::new();
        while let Some(id) = left.pop() {
            let Some(decided) = self.decided(id) else { continue };
            if decided.level == 0 || std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            match &decided.reason {
                Reason::Chosen(_) => choices.push(id),
                Reason::Forced(clause) => {
                    let others =
                        self.clause(*clause).options.iter().copied().filter(|option| *option != id);
                    left.extend(others.chain(self.owner(*clause)));
                }
                Reason::Against(by, ..) => left.push(*by),
                Reason::Failed(others, _) => left.extend(others),
            }
        }
        choices
    }

    fn causes(&self, conflict: &Conflict<'a>) -> Vec<CandidateId> {
        match conflict {
            Conflict::NoOption(clause) => {
                self.clause(*clause).options.iter().copied().chain(self.owner(*clause)).collect()
            }
            Conflict::Pair(one, other, _) => vec![*one, *other],
        }
    }

    fn back_to(&mut self, level: usize) {
        let Some(first) = self.levels.get(level) else { return };
        for id in self.trail.drain(first.trail..) {
            self.decided[id.0 as usize] = None;
        }
        self.open.truncate(first.open);
        self.next = first.next;
        self.followed = self.trail.len();
        self.levels.truncate(level);
    }
}

/// The place of a candidate in a list that grows with the world.
fn grown<T: Default>(list: &mut Vec<T>, id: CandidateId) -> &mut T {
    let at = id.0 as usize;
    if list.len() <= at {
        list.resize_with(at + 1, T::default);
    }
    &mut list[at]
}
