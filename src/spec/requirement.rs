//! The text of a requirement → [`RequirementSpec`]: its sources, and the overrides that replace it.

use std::collections::BTreeMap;
use std::ops::Range;

use pep508_rs::{PackageName, Requirement, VerbatimUrl};
use toml::Spanned;

use super::place::Place;
use super::source_tables::known_sources;
use super::tables::PackageTable;
use super::{
    Error, Origin, Override, PythonRequest, RequirementSpec, Rules, SourceName, SourceSpec,
};
use crate::python::{plain_markers, strict};

/// Reads requirements.
pub(super) struct RequirementReader<'a> {
    /// `[packages]`
    pub(super) packages: &'a BTreeMap<PackageName, PackageTable>,
    /// `[sources]`
    pub(super) known: &'a BTreeMap<SourceName, SourceSpec>,
    pub(super) rules: &'a Rules,
    pub(super) place: &'a Place<'a>,
    pub(super) python: Option<PythonRequest>,
}

/// The text of a requirement, and where it is written.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    /// In the text of `place`.
    pub(super) span: Range<usize>,
    pub(super) place: &'a Place<'a>,
    /// If not in envlock.toml.
    pub(super) origin: Option<&'a Origin>,
}

impl RequirementReader<'_> {
    /// `default` is where the group's packages come from. More or fewer than one requirement where overrides replace
    /// it.
    pub(super) fn read(
        &self,
        at: &Text,
        default: &[SourceName],
    ) -> Result<Vec<RequirementSpec>, Error> {
        let wrong = |message: String, help: &str| at.place.at(at.span.clone(), message, help);
        // PEP 508 is ASCII, and its parser may cut other characters in the middle.
        if !at.text.is_ascii() {
            let message = format!("`{}` is not a requirement", at.text);
            return Err(wrong(message, "use ASCII letters, digits and signs"));
        }
        let requirement = match super::direct::of_path(at.text, &at.place.folder) {
            Some(read) => read,
            None => strict(&plain_markers(at.text)),
        };
        let requirement = requirement.map_err(|why| {
            wrong(
                format!("`{}` is not a requirement: {why}", at.text),
                "write it as in requirements.txt, for example \"ray[default]>=2.60\"",
            )
        })?;
        let name = &requirement.name;
        let overridden = match (self.rules.overrides.get(name), at.origin) {
            // A requirement of another file may be left out by an override, as users may not be able to change that file.
            (Some(Override::LeftOut(_)), Some(_)) => None,
            (Some(Override::LeftOut(by)), None) => {
                let message = format!("{name} is asked for, and [overrides] leaves it out ({by})");
                return Err(wrong(message, "remove it from one of the two"));
            }
            (Some(Override::By(rules)), _) => {
                rules.first().map(|rule| (requirement.to_string(), rule.origin.clone()))
            }
            (None, _) => None,
        };
        let with_sources = |pep508: Requirement<VerbatimUrl>| {
            let direct = super::direct::direct(&pep508).transpose();
            let direct = direct.map_err(|(message, help)| wrong(message, help))?;
            let package = self.packages.get(&pep508.name);
            let sources = match package.and_then(|p| p.index.as_deref()) {
                _ if direct.is_some() => vec![SourceName::direct()],
                Some(index) => self.sources(index)?,
                None => default.to_vec(),
            };
            let optional = package.and_then(|p| p.optional).unwrap_or_default();
            let (overridden, origin) = (overridden.clone(), at.origin.cloned());
            Ok(RequirementSpec {
                overridden,
                origin,
                ..RequirementSpec::new(pep508, sources, optional)
            })
        };
        self.rules.in_force(&requirement).into_iter().map(with_sources).collect()
    }

    /// Sources by name, which must be known.
    pub(super) fn sources(&self, names: &[Spanned<SourceName>]) -> Result<Vec<SourceName>, Error> {
        known_sources(names, self.known, self.place)
    }
}
