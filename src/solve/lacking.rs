//! Versions without a requested extra, as a run of the solver finds them.

use std::collections::BTreeSet;

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};

use super::explain::and;
use super::extras::offers;
use super::lag::line;
use super::provider::Provider;
use crate::catalog::{Candidate, Catalog, Problem};
use crate::python::CoreMetadata;

/// Release lines whose newest version is read before an extra counts as one that no version offers: a
/// misspelt one must not cost the metadata of a thousand versions.
const LINES: usize = 10;

/// The similarity of two names from which on one is taken for a misspelling of the other; 1.0: equal.
const ALMOST: f64 = 0.7;

impl Provider<'_> {
    /// Why this version does not satisfy requirements with `extra`; `None`: it has the extra, or no requirement asks for it.
    pub(super) fn lacks(
        &self,
        candidate: &Candidate,
        metadata: &CoreMetadata,
        extra: &ExtraName,
    ) -> Result<Option<String>, Problem> {
        let key = (candidate.name.clone(), extra.clone());
        if !self.extras.requested.contains(&key) || offers(metadata, extra, self.environment) {
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

    /// The report on an extra that none of the newest versions has, once that is known.
    pub(super) fn unknown_extra(&self, name: &PackageName, extra: &ExtraName) -> Option<String> {
        self.extras.unknown.borrow().get(&(name.clone(), extra.clone()))?.clone()
    }

    /// The extras of requirements that some version did not have.
    pub(super) fn extras_not_had(&self) -> Vec<(PackageName, ExtraName)> {
        self.extras.lacking.borrow().keys().cloned().collect()
    }

    /// The extra of the newest version whose name is similar to this one.
    pub(super) fn almost(&self, name: &PackageName, extra: &ExtraName) -> Option<ExtraName> {
        let project = self.catalog.project(name).ok()?;
        let versions = self.requested_versions(name).ok()?;
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
        let Ok(versions) = self.requested_versions(name) else { return Ok(None) };
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

fn unknown(
    name: &PackageName,
    extra: &ExtraName,
    newest: &Version,
    metadata: &CoreMetadata,
) -> String {
    let known: Vec<String> = metadata.extras.iter().map(ToString::to_string).collect();
    let has = match known.is_empty() {
        true => "none at all".to_owned(),
        false => and(&known),
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
    fn a_requirement_whose_extra_cannot_be_had_does_not_slide_to_a_version_that_never_had_it() {
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
