//! Extras that are asked for are had. A version without the extra is none for a wish: it would be an old version that
//! looks as if everything went well. What others need with an extra that is not there is told, not refused; pip and uv
//! do the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};

use super::explain::{Change, Conflict};
use super::lag::line;
use super::least_behind::Found;
use super::provider::{Floors, Provider};
use super::question::Question;
use super::solution::Error;
use crate::catalog::{Candidate, Catalog, Problem};
use crate::python::CoreMetadata;
use crate::spec::Wish;

/// Release lines whose newest version is looked into before an extra counts as one that nobody offers: a
/// misspelt one must not cost the metadata of a thousand versions.
const LINES: usize = 10;

/// How alike two names are of which one is likely to be misspelt; 1.0: the same.
const ALMOST: f64 = 0.7;

/// The extras of the wishes.
#[derive(Default)]
pub(super) struct Extras {
    wished: BTreeSet<(PackageName, ExtraName)>,
    /// For those that none of the newest versions offers: what is told.
    unknown: RefCell<BTreeMap<(PackageName, ExtraName), Option<String>>>,
    /// The versions that were passed over for want of an extra.
    lacking: RefCell<BTreeMap<(PackageName, ExtraName), BTreeSet<Version>>>,
}

impl Extras {
    pub(super) fn of(wishes: &[&Wish]) -> Self {
        let own = |wish: &&Wish| {
            let requirement = &wish.requirement;
            let name = requirement.name.clone();
            requirement.extras.clone().into_iter().map(move |extra| (name.clone(), extra))
        };
        Extras { wished: wishes.iter().flat_map(own).collect(), ..Extras::default() }
    }
}

/// Whether a distribution offers an extra: it says so, or it needs something for it.
pub(super) fn offers(
    metadata: &CoreMetadata,
    extra: &ExtraName,
    environment: &MarkerEnvironment,
) -> bool {
    let with = std::slice::from_ref(extra);
    let needs_more = || {
        metadata
            .requires
            .iter()
            .any(|r| r.evaluate_markers(environment, with) && !r.evaluate_markers(environment, &[]))
    };
    metadata.extras.contains(extra) || needs_more()
}

impl Provider<'_> {
    /// Why this version is none for whoever asks for `extra`; `None`: it has it, or nobody of the wishes asks.
    pub(super) fn lacks(
        &self,
        candidate: &Candidate,
        metadata: &CoreMetadata,
        extra: &ExtraName,
    ) -> Result<Option<String>, Problem> {
        let key = (candidate.name.clone(), extra.clone());
        if !self.extras.wished.contains(&key) || offers(metadata, extra, self.environment) {
            return Ok(None);
        }
        let version = candidate.version.clone();
        self.extras.lacking.borrow_mut().entry(key.clone()).or_default().insert(version);
        let known = self.extras.unknown.borrow().get(&key).cloned();
        let unknown = match known {
            Some(known) => known,
            None => {
                let answer = self.nobody_offers(&candidate.name, extra)?;
                self.extras.unknown.borrow_mut().insert(key, answer.clone());
                answer
            }
        };
        let Candidate { name, version, .. } = candidate;
        Ok(Some(unknown.unwrap_or_else(|| format!("{name} {version} has no extra `{extra}`"))))
    }

    /// What is told of an extra that none of the newest versions has, once that is known.
    pub(super) fn unknown_extra(&self, name: &PackageName, extra: &ExtraName) -> Option<String> {
        self.extras.unknown.borrow().get(&(name.clone(), extra.clone()))?.clone()
    }

    /// The extras of wishes that some version did not have.
    pub(super) fn extras_not_had(&self) -> Vec<(PackageName, ExtraName)> {
        self.extras.lacking.borrow().keys().cloned().collect()
    }

    /// The extra of the newest version that is written almost like this one.
    pub(super) fn almost(&self, name: &PackageName, extra: &ExtraName) -> Option<ExtraName> {
        let project = self.catalog.project(name).ok()?;
        let versions = self.wished_versions(name).ok()?;
        let metadata = self.catalog.metadata(self.usable(&project, &versions).next()?).ok()?;
        let near = |known: &&ExtraName| {
            strsim::normalized_damerau_levenshtein(known.as_ref(), extra.as_ref()) >= ALMOST
        };
        metadata.extras.iter().find(near).cloned()
    }

    /// The sentence for an extra that none of the newest versions has.
    fn nobody_offers(
        &self,
        name: &PackageName,
        extra: &ExtraName,
    ) -> Result<Option<String>, Problem> {
        let Ok(versions) = self.wished_versions(name) else { return Ok(None) };
        let project = self.catalog.project(name)?;
        let (mut lines, mut newest) = (BTreeSet::new(), None);
        for candidate in self.usable(&project, &versions) {
            if lines.len() == LINES {
                break;
            }
            if !lines.insert(line(&candidate.version)) {
                continue;
            }
            let metadata = match self.catalog.metadata(candidate) {
                Ok(metadata) => metadata,
                Err(Problem::Unusable(_) | Problem::NotFound(_)) => continue,
                Err(stop) => return Err(stop),
            };
            if offers(&metadata, extra, self.environment) {
                return Ok(None);
            }
            newest.get_or_insert((candidate.version.clone(), metadata));
        }
        Ok(newest.map(|(version, metadata)| unknown(name, extra, &version, &metadata)))
    }
}

/// Errors: a wish that would go back to an old version for the sake of an extra that newer ones do not have.
pub(super) fn not_for_an_extra(question: &Question, best: &Found) -> Result<(), Error> {
    for ((name, extra), versions) in &*best.provider.extras.lacking.borrow() {
        let chosen = best.version(name);
        let newer = versions.last().filter(|newest| chosen.is_some_and(|chosen| chosen < *newest));
        let (Some(newest), Some(chosen)) = (newer, chosen) else { continue };
        let without = Change::Extra(name.clone(), extra.clone(), None);
        let Some(spec) = without.of(question.spec) else { continue };
        // Something else may keep it back just as far.
        if question.works(&spec, Floors::from([(name.clone(), newest.clone())]))? {
            return Err(Conflict::lost_extra(name, extra, newest, chosen).into());
        }
    }
    Ok(())
}

fn unknown(
    name: &PackageName,
    extra: &ExtraName,
    newest: &Version,
    metadata: &CoreMetadata,
) -> String {
    let known: Vec<String> = metadata.extras.iter().map(ToString::to_string).collect();
    let has = match known.is_empty() {
        true => "none at all".to_owned(),
        false => super::explain::and(&known),
    };
    format!("{name} has no extra `{extra}`; {name} {newest} has {has}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::LINES;
    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::{Solution, solve};

    fn solved(groups: &str, catalog: &str) -> Result<Solution, String> {
        let catalog = MapCatalog::new(catalog);
        solve(&spec(groups), &environment(), &catalog, &BTreeMap::new()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_wish_whose_extra_cannot_be_had_does_not_slide_to_a_version_that_never_had_it() {
        let catalog = "
            jax 0.8: jax-cuda12-plugin if extra == 'cuda12'
            jax 0.7: jax-cuda12-plugin if extra == 'cuda12'
            jax 0.4:
            jax-cuda12-plugin 0.8:";
        let error = solved("g: jax[cuda12]", catalog).unwrap_err();
        assert!(error.contains("jax-cuda12-plugin is for CUDA 12"), "{error}");
        assert!(error.contains("jax 0.4 has no extra `cuda12`"), "{error}");
        assert!(error.contains("ask for jax without the extra `cuda12`"), "{error}");
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
        no set of versions satisfies every wish: t[tf] cannot be had in its newest version
          - t 3.0 has no extra `tf`
          - t 2.1 is the newest that fits and has it
          → ask for t[tf]==2.1
          → or ask for t without the extra `tf`
        ");
        assert!(solved("g: t[tf]<3", catalog).is_ok());
        // Who would not have the newest anyway loses nothing.
        assert!(solved("g: t[tf]; old", catalog).is_ok());
    }

    #[test]
    fn an_extra_that_nobody_offers_is_told_with_those_there_are_and_costs_ten_looks() {
        let versions: String =
            (0..300).map(|n| format!("ray 2.{n}: x if extra == 'serve'\n")).collect();
        let catalog = MapCatalog::new(&(versions + "x 1.0:"));
        let error =
            solve(&spec("g: ray[serv]"), &environment(), &catalog, &BTreeMap::new()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("ray has no extra `serv`; ray 2.299 has serve"), "{error}");
        assert!(error.contains("ask for ray[serve]"), "{error}");
        assert!(catalog.read.borrow().len() <= LINES + 1, "{:?}", catalog.read);
    }

    #[test]
    fn what_others_need_with_an_extra_that_is_not_there_is_taken_and_told() {
        let solution = solved("g: app", "app 1.0: lib[fast]\nlib 2.0:").unwrap();
        assert_eq!(solution.chosen.len(), 2);
        assert_eq!(
            solution.surprises,
            [
                "app 1.0 needs lib[fast], and lib 2.0 has no extra `fast`: nothing is installed for it"
            ]
        );
    }
}
