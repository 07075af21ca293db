//! Refuses sets in which a requirement has an old version only because newer ones lack its extra.

use super::error::Error;
use super::explain::{Change, Conflict};
use super::found::Found;
use super::question::{Floors, Question};

/// # Errors
/// A requirement of `best` that is older for the sake of an extra, or a catalog that failed.
pub(super) fn not_for_an_extra(question: &Question, best: &Found) -> Result<(), Error> {
    for ((name, extra), versions) in &*best.provider.extras.lacking.borrow() {
        let chosen = best.version(name);
        let newer = versions.last().filter(|newest| chosen.is_some_and(|chosen| chosen < *newest));
        let (Some(newest), Some(chosen)) = (newer, chosen) else { continue };
        let without = Change::Extra(name.clone(), extra.clone(), None);
        let Some(spec) = without.of(question.spec) else { continue };
        // Something else may hold it back just as far.
        if question.works(&spec, Floors::from([(name.clone(), newest.clone())]))? {
            return Err(Conflict::lost_extra(name, extra, newest, chosen).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::{Solution, solve};

    fn solved(groups: &str, catalog: &str) -> Result<Solution, String> {
        let catalog = MapCatalog::new(catalog);
        solve(&spec(groups), &environment(), &catalog, &BTreeMap::new()).map_err(|e| e.to_string())
    }

    #[test]
    fn nobody_goes_back_to_an_old_version_for_an_extra_that_newer_ones_lost() {
        let catalog = "
            t 3.0: n
            t 2.1: n; tf if extra == 'tf'
            t 2.0: n; tf if extra == 'tf'
            n 2.0:
            n 1.0:
            tf 1.0:
            old 1.0: t<3";
        insta::assert_snapshot!(solved("g: t[tf]", catalog).unwrap_err(), @r"
        no set of versions satisfies every requirement: t[tf] cannot be had in its newest version
          - t 3.0 has no extra `tf`
          - t 2.1 is the newest that fits and has it
          → ask for t[tf]==2.1
          → or ask for t without the extra `tf`
        ");
        assert!(solved("g: t[tf]<3", catalog).is_ok());
        // Where the newest would not be chosen anyway, nothing is lost.
        assert!(solved("g: t[tf]; old", catalog).is_ok());
    }
}
