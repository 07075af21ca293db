//! An order in which each package stands behind all that it depends on.

use std::collections::HashSet;

use crate::candidate::CandidateId;
use crate::search::Search;

/// What was chosen and is not in the base. Where packages depend on each other, the one that is reached first comes last;
/// they are reached by name.
pub(crate) fn dependencies_first(search: &Search<'_, '_>) -> Vec<CandidateId> {
    let key = |id: &CandidateId| {
        let package = search.world.package_of(*id);
        (package.name, package.architecture)
    };
    let mut chosen: Vec<CandidateId> =
        search.chosen().filter(|id| !search.world.is_base(*id)).collect();
    chosen.sort_by_key(key);
    let mut reached = HashSet::new();
    let mut sorted = Vec::with_capacity(chosen.len());
    // Not by recursion: a hostile chain of dependencies is as long as an index.
    let mut way: Vec<(CandidateId, std::vec::IntoIter<CandidateId>)> = Vec::new();
    for start in chosen {
        if reached.insert(start) {
            way.push((start, sorted_needs(search, start, key)));
        }
        while let Some((id, needs)) = way.last_mut() {
            match needs.find(|need| reached.insert(*need)) {
                Some(need) => way.push((need, sorted_needs(search, need, key))),
                None => {
                    sorted.push(*id);
                    way.pop();
                }
            }
        }
    }
    sorted
}

fn sorted_needs<'a, K: Ord>(
    search: &Search<'_, 'a>,
    id: CandidateId,
    key: impl Fn(&CandidateId) -> K,
) -> std::vec::IntoIter<CandidateId> {
    let mut needs: Vec<CandidateId> =
        search.needs(id).filter(|need| !search.world.is_base(*need)).collect();
    needs.sort_by_key(key);
    needs.into_iter()
}
