//! Locked distributions with newer versions, and what a full upgrade would change.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};
use schemars::JsonSchema;
use serde::Serialize;

use super::decided::Decided;
use super::error::Error;
use super::optional;
use super::range::is_same_public;
use super::reason::{allows, why};
use crate::catalog::{Candidate, Catalog, Problem};
use crate::spec::{Preferred, Spec};

/// A locked distribution with a newer version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Behind {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// Whether the spec asks for it.
    pub requested: bool,
    /// The version in the lock.
    #[schemars(with = "String")]
    pub locked: Version,
    /// The newer version that a full upgrade takes.
    #[schemars(with = "Option<String>")]
    pub fits: Option<Version>,
    /// The newest version.
    #[schemars(with = "String")]
    pub newest: Version,
    /// Why a full upgrade does not take the newest.
    pub why: Option<String>,
    /// Whether the locked file was withdrawn.
    pub withdrawn: bool,
}

/// The locked version and file of a distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// Its version.
    pub version: Version,
    /// The wheel.
    pub file: String,
}

/// What a full upgrade would and would not change, requirements first.
pub fn behind(
    spec: &Spec,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    locked: &BTreeMap<PackageName, LockedFile>,
) -> Result<Vec<Behind>, Error> {
    let preferred = spec.preferred();
    let version =
        |(name, p): (&PackageName, &&Preferred)| (name.clone(), p.version.version.clone());
    let kept = preferred.iter().map(version).collect();
    let decided = Decided::new(catalog, &spec.rules, environment);
    let answer = optional::answer(spec, environment, &decided, &kept)?;
    let settled = &answer.settled;
    let mut found = Vec::new();
    for (name, LockedFile { version: locked, file }) in locked {
        let project = match catalog.project(name) {
            Ok(project) => project,
            Err(Problem::Stop(why)) => return Err(Error::Catalog(why)),
            Err(Problem::NotFound(_) | Problem::Unusable(_)) => continue,
        };
        let is_usable = |c: &&Candidate| !c.yanked && !c.version.any_prerelease();
        let withdrawn = project.withdrawn.contains(file);
        let newer = |c: &&Candidate| c.version > *locked || withdrawn;
        let newest = project.candidates.iter().find(is_usable).filter(newer);
        let Some(newest) = newest else { continue };
        let requirements = spec.requirements().map(|(_, r)| &r.pep508).filter(|r| r.name == *name);
        let requirements: Vec<_> = requirements.collect();
        let requested = !requirements.is_empty();
        let now = settled.get(name).map(|s| &s.candidate.version);
        let ruled = decided.why_not(name, &newest.version);
        let why = match (now, requirements.iter().find(|r| !allows(r, &newest.version))) {
            (Some(now), _) if *now >= newest.version => None,
            (Some(_), None) if ruled.is_some() => ruled,
            (Some(now), None)
                if let Some(p) = preferred.get(name)
                    && is_same_public(&p.version.version, now) =>
            {
                Some(format!("{} has {now}", p.file))
            }
            (_, Some(requirement)) => Some(format!("you ask for {requirement}")),
            (Some(_), None) => Some(why(&answer, newest)?),
            (None, None) => Some("a full upgrade does not need it".to_owned()),
        };
        let fits = now.filter(|now| *now > locked || withdrawn && *now != locked).cloned();
        let (name, locked, newest) = (name.clone(), locked.clone(), newest.version.clone());
        found.push(Behind { name, requested, locked, fits, newest, why, withdrawn });
    }
    found.sort_by_key(|b| !b.requested);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::fixture::{MapCatalog, environment, spec};

    #[test]
    fn newer_versions_are_told_with_what_holds_them_back_requirements_first() {
        let catalog = MapCatalog::new(
            "a 3.0rc1:\na 2.0: c<3\na 1.0: c<3\nb 2.0:\nb 1.0:\nc 3.0:\nc 2.0:\nc 1.0:\nd 1.0:\ne 2.0:\nf 2.0!yanked:\nf 1.0:",
        );
        let locked =
            ["a 1.0", "b 1.0", "c 1.0", "d 1.0", "e 1.0", "f 2.0", "gone 1.0"].map(|text| {
                let (name, version) = text.split_once(' ').unwrap();
                let file = format!("{name}-{version}-py3-none-any.whl");
                (name.parse().unwrap(), LockedFile { version: version.parse().unwrap(), file })
            });
        let spec = spec("g: a; b<2; d; f");
        let found = behind(&spec, &environment(), &catalog, &BTreeMap::from(locked)).unwrap();
        let line = |b: &Behind| {
            let fits = b.fits.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{} {} {fits} {} {}",
                b.name,
                b.locked,
                b.newest,
                b.why.clone().unwrap_or_default()
            )
        };
        assert_eq!(
            found.iter().map(line).collect::<Vec<_>>(),
            [
                "a 1.0 2.0 2.0 ",
                "b 1.0  2.0 you ask for b<2",
                "f 2.0 1.0 1.0 ",
                "c 1.0 2.0 3.0 a 2.0 needs c<3",
                "e 1.0  2.0 a full upgrade does not need it",
            ]
        );
    }
}
