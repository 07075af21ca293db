//! From a question to its answer: what is asked for becomes clauses, the search satisfies them, and what it took is reported.

use std::collections::{BTreeMap, BTreeSet};

use crate::candidate::{CandidateId, Malformed, Origin};
use crate::choice::{Choice, Chosen, Why};
use crate::clauses::{Cause, Clause};
use crate::order::dependencies_first;
use crate::question::Question;
use crate::refusal::{Explanation, Refusal};
use crate::requested::resolve_requests;
use crate::search::{Reason, Search, Stop};
use crate::status::State;
use crate::world::World;

/// Chooses as apt does: of each package its candidate (the newest version of the suites with the highest priority); what
/// is installed stays, and is upgraded only where something needs it or other packages of the same source are; of alternatives the first that can be had, unless
/// another is there; nothing of the base is removed, nothing becomes older. First comes all that has to be, then the
/// dependencies that leave a choice, in the order in which they are found. The same question gives the same answer, in
/// whatever order the requests stand.
///
/// # Errors
///
/// [`Refusal`], with the names on both sides of what does not go together.
pub fn choose<'a>(question: &Question<'a>) -> Result<Choice<'a>, Refusal> {
    for (name, _, entry) in question.base.entries() {
        if entry.state == State::HalfInstalled {
            return Err(Refusal::BrokenBase { package: name.to_owned(), state: entry.state });
        }
    }
    let mut world = World::new(*question)?;
    let mut asked = resolve_requests(&mut world)?;
    asked.extend(base_set(&mut world)?);
    loop {
        let mut roots = asked.clone();
        roots.extend(base(&mut world)?);
        let mut search = Search::new(&mut world);
        search.run(roots).map_err(|stop| match stop {
            Stop::Malformed(malformed) => Refusal::Malformed(malformed),
            Stop::Impossible(failure) => Refusal::Impossible(Explanation::from(&*failure)),
            Stop::TooHard => Refusal::TooHard,
        })?;
        let left_behind = left_behind(&search);
        if left_behind.is_empty() {
            let sorted = dependencies_first(&search);
            return Ok(Choice {
                packages: sorted.into_iter().filter_map(|id| chosen(&search, id)).collect(),
            });
        }
        for (id, of) in left_behind {
            world.prefer(id, of);
        }
    }
}

/// Newer versions of what stays in the base that are of the same source as something that was chosen, and of what.
fn left_behind<'a>(search: &Search<'_, 'a>) -> Vec<(CandidateId, &'a str)> {
    let world = &*search.world;
    let source = |id: CandidateId| world.candidate(id).source(world.package_of(id).name);
    let is_new = |id: &CandidateId| !world.is_base(*id);
    let taken: BTreeMap<_, _> =
        search.chosen().filter(is_new).map(|id| (source(id), world.package_of(id).name)).collect();
    let stays =
        search.chosen().filter(|id| world.is_base(*id)).map(|id| world.candidate(id).package);
    let newer = stays
        .filter(|package| !world.siblings.contains_key(package))
        .flat_map(|package| world.options(package).filter(is_new));
    newer.filter_map(|id| Some((id, *taken.get(&source(id))?))).collect()
}

/// All that is in the base stays, in one version or another.
fn base<'a>(world: &mut World<'a>) -> Result<Vec<Clause<'a>>, Malformed> {
    let mut clauses = Vec::new();
    let native = world.question.architecture;
    for (name, architecture, _) in world.question.base.entries() {
        let architecture = if architecture == "all" { native } else { architecture };
        if let Some(package) = world.find(name, architecture)? {
            let options = world.package(package).options.clone();
            clauses.push(Clause { why: Cause::Base, options, is_optional: false });
        }
    }
    Ok(clauses)
}

/// What a system from nothing has, by the stanzas of the candidates.
fn base_set<'a>(world: &mut World<'a>) -> Result<Vec<Clause<'a>>, Malformed> {
    let Some(set) = world.question.from_nothing else { return Ok(Vec::new()) };
    let native = world.question.architecture;
    let mut names = BTreeSet::new();
    for index in world.question.indexes {
        for stanza in set.lines().iter().flat_map(|line| index.with_line(line)) {
            names.extend(stanza.field("Package"));
        }
    }
    let mut clauses = Vec::new();
    for name in names {
        let Some(package) = world.find(name, native)? else { continue };
        let options = world.package(package).options.clone();
        let lines = |id: &CandidateId| {
            let stanza = world.candidate(*id).stanza;
            set.lines().iter().any(|line| stanza.as_str().lines().any(|its| its == *line))
        };
        if options.iter().any(lines) {
            clauses.push(Clause { why: Cause::BaseSet, options, is_optional: false });
        }
    }
    Ok(clauses)
}

fn chosen<'a>(search: &Search<'_, 'a>, id: CandidateId) -> Option<Chosen<'a>> {
    let (package, one) = (search.world.package_of(id), search.world.candidate(id));
    let Origin::Index(index) = one.origin else { return None };
    Some(Chosen {
        name: package.name,
        version: one.version.as_str(),
        architecture: one.stanza.field("Architecture").unwrap_or(package.architecture),
        stanza: one.stanza,
        index,
        upgrades: package
            .installed
            .map(|installed| search.world.candidate(installed).version.as_str()),
        why: why(search, id)?,
    })
}

fn why<'a>(search: &Search<'_, 'a>, id: CandidateId) -> Option<Why<'a>> {
    let (Reason::Chosen(clause) | Reason::Forced(clause)) = search.decided(id)?.reason else {
        return None;
    };
    let clause = search.clause(clause);
    Some(match &clause.why {
        Cause::Request(place) => Why::Requested(&search.world.question.requests[*place]),
        Cause::BaseSet => Why::BaseSet,
        Cause::Relation(owner, field, alternatives) => {
            let relation =
                alternatives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            Why::Needed { by: search.world.package_of(*owner).name, field: *field, relation }
        }
        Cause::Base
            if let Some(of) = search.world.siblings.get(&search.world.candidate(id).package) =>
        {
            Why::SameSource { of }
        }
        Cause::Base => {
            let installed = search
                .world
                .package_of(id)
                .installed
                .and_then(|installed| search.decided(installed));
            let by = match installed.map(|decided| &decided.reason) {
                Some(Reason::Against(by, ..)) => *by,
                Some(Reason::Failed(others, _)) => *others.first().unwrap_or(&id),
                _ => id,
            };
            Why::Replaced { by: search.world.package_of(by).name }
        }
    })
}
