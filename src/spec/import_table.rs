//! `[import]` of envlock.toml: what a pyproject.toml asks for, and locks whose versions are preferred.

use camino::Utf8Path;
use pep508_rs::PackageName;
use toml::Spanned;

use super::files::Files;
use super::imports::{Found, constraint, read_text};
use super::place::Place;
use super::requirement::{RequirementReader, Text};
use super::rule_tables::requirement;
use super::source_tables::same_address;
use super::tables::ImportTable;
use super::{Error, GroupSpec, Override, Preferred, Rule, Rules, SourceName, StatedIndex};
use crate::import::{self, At, BadPyproject, Pyproject, Selection};

/// The file of a key.
struct Imported {
    name: String,
    text: String,
    by: std::ops::Range<usize>,
    read: Pyproject,
}

/// A pyproject.toml that was read.
pub(super) struct Import {
    file: Imported,
    into: Spanned<String>,
}

/// Reads the file; its overrides join `rules`, where envlock.toml has none for the same package.
pub(super) fn pyproject(
    table: &ImportTable,
    files: &dyn Files,
    place: &Place,
    rules: &mut Rules,
) -> Result<Option<Import>, Error> {
    let Some(path) = &table.pyproject else {
        let keys = [
            table.groups.is_some(),
            table.extras.is_some(),
            table.into.is_some(),
            table.dependencies.is_some(),
        ];
        if keys.contains(&true) {
            let message = "[import] names no pyproject.toml";
            return Err(place.at(
                place.key(&["import"]),
                message,
                "add pyproject = \"pyproject.toml\"",
            ));
        }
        return Ok(None);
    };
    let Some(into) = table.into.clone() else {
        let help = "add into = \"GROUP\", one of the [groups.*]";
        return Err(place.at(
            path.span(),
            "[import] does not say in which group its packages ship",
            help,
        ));
    };
    let names = |list: &Option<Vec<Spanned<String>>>| {
        list.iter().flatten().map(|name| name.get_ref().clone()).collect()
    };
    let selection = Selection {
        dependencies: table.dependencies.unwrap_or(true),
        groups: names(&table.groups),
        extras: names(&table.extras),
    };
    let (name, text) = read_text(files, Utf8Path::new(path.get_ref()), &(place, path.span()))?;
    let own = Place { name: &name, text: &text, folder: place.folder.clone() };
    let read = import::pyproject(&text, &selection).map_err(|bad| {
        // A name that does not exist in the file is a mistake in envlock.toml.
        let listed = table.groups.iter().chain(&table.extras).flatten();
        let mut asked =
            listed.filter(|name| bad.message.contains(&format!("`{}`", name.get_ref())));
        match (bad.span.is_empty(), asked.next()) {
            (true, Some(name)) => {
                place.at(name.span(), format!("{}: {}", own.name, bad.message), &bad.help)
            }
            _ => own.at(bad.span.clone(), &bad.message, &bad.help),
        }
    })?;
    for at in &read.overrides {
        let rule = rule(at, &own)?;
        let name = rule.requirement.name.clone();
        match rules.overrides.get_mut(&name) {
            Some(Override::By(known)) if known.iter().all(|k| k.origin.file == own.name) => {
                known.push(rule)
            }
            Some(_) => {}
            None => drop(rules.overrides.insert(name, Override::By(vec![rule]))),
        }
    }
    for at in &read.excludes {
        let Rule { requirement, origin } = rule(at, &own)?;
        rules.overrides.entry(requirement.name).or_insert(Override::LeftOut(origin));
    }
    let by = path.span();
    Ok(Some(Import { file: Imported { name, text, by, read }, into }))
}

fn rule(at: &At, place: &Place) -> Result<Rule, Error> {
    let help = "write a requirement: \"numpy>=2\"";
    let requirement =
        requirement(&at.0).map_err(|message| place.at(at.1.clone(), message, help))?;
    Ok(Rule { requirement, origin: place.origin(&at.1) })
}

impl Import {
    /// Its requirements join the group that they ship with.
    pub(super) fn join(
        &self,
        groups: &mut [GroupSpec],
        reader: &RequirementReader,
        found: &mut Found,
    ) -> Result<(), Error> {
        let Import { file: Imported { name, text, by, read }, into } = self;
        let place = Place { name, text, folder: reader.place.folder.clone() };
        let group = groups.iter_mut().find(|group| group.name.as_str() == into.get_ref());
        let Some(group) = group else {
            let message = format!("the group `{}` is not defined", into.get_ref());
            return Err(reader.place.at(into.span(), message, "name one of the [groups.*]"));
        };
        let sources = group.sources.clone();
        for (text, span) in &read.requires {
            let origin = place.origin(span);
            let text = Text { text, span: span.clone(), place: &place, origin: Some(&origin) };
            for mut requirement in reader.read(&text, &sources)? {
                let name = &requirement.pep508.name;
                let is_own = reader.packages.get(name).is_some_and(|p| p.index.is_some());
                if let Some(source) =
                    read.sources.get(name).filter(|_| !is_own && requirement.direct().is_none())
                {
                    requirement.sources = vec![self.source(name, source, &place, reader)?];
                }
                group.requirements.push(requirement);
            }
        }
        for at in &read.constraints {
            let bad = |e: import::BadLine| place.at(at.1.clone(), e.message, e.help);
            let requirement = constraint(&at.0).map_err(bad)?;
            found.constraints.push(Rule { requirement, origin: place.origin(&at.1) });
        }
        let beside = read.indexes.iter().filter(|(_, _, explicit)| !explicit);
        found.imports.indexes.extend(beside.map(|(_, (address, span), _)| {
            let (origin, sources) = (place.origin(span), sources.clone());
            StatedIndex::new("[[tool.uv.index]] url", address, origin, sources)
        }));
        let not_followed = read
            .not_followed
            .iter()
            .map(|(key, instead)| format!("{name}: tool.uv.{key} is not followed: {instead}"));
        found.imports.not_followed.extend(not_followed);
        self.runs_here(reader, by)
    }

    fn runs_here(
        &self,
        reader: &RequirementReader,
        by: &std::ops::Range<usize>,
    ) -> Result<(), Error> {
        let Some((text, _)) = &self.file.read.requires_python else { return Ok(()) };
        let Ok(required) = text.parse::<pep440_rs::VersionSpecifiers>() else { return Ok(()) };
        let Some(version) = &reader.python else { return Ok(()) };
        // Of a release line the newest patch release is taken.
        let patch = version.patch.unwrap_or(999);
        if required.contains(&pep440_rs::Version::new([version.major, version.minor, patch])) {
            return Ok(());
        }
        let message =
            format!("{} needs Python {text}, and python.version is {version}", self.file.name);
        Err(reader.place.at(by.clone(), message, "set another python.version"))
    }

    /// The source of envlock.toml that uv would take a package from.
    fn source(
        &self,
        package: &PackageName,
        (from, span): &At<Result<String, String>>,
        place: &Place,
        reader: &RequirementReader,
    ) -> Result<SourceName, Error> {
        let help = format!("name it in envlock.toml: [packages] {package} = {{ index = [\"…\"] }}");
        let wrong = |message: String| place.at(span.clone(), message, &help);
        let index = match from {
            Ok(index) => index,
            Err(other) => {
                return Err(wrong(format!("{package} comes from {other} here, not from an index")));
            }
        };
        let indexes = &self.file.read.indexes;
        let address = indexes.iter().find(|(name, ..)| name.as_ref() == Some(index));
        let Some((_, (address, _), _)) = address else {
            return Err(wrong(format!(
                "{package} comes from the index {index}, and there is none of that name"
            )));
        };
        let is_it = |name: &&SourceName| {
            let url = reader.known.get(*name).and_then(|source| source.url.as_ref());
            url.is_some_and(|url| same_address(url, address))
        };
        reader.known.keys().find(is_it).cloned().ok_or_else(|| {
            let address = crate::login::masked(address);
            wrong(format!(
                "{package} comes from the index {index} ({address}), and no source has that url"
            ))
        })
    }
}

/// The versions of the locks that `[import]` prefers, first file first.
pub(super) fn preferred(
    table: &ImportTable,
    files: &dyn Files,
    place: &Place,
) -> Result<Vec<Preferred>, Error> {
    let mut all = Vec::new();
    for path in table.preferences.iter().flatten() {
        let (file, text) = read_text(files, Utf8Path::new(path.get_ref()), &(place, path.span()))?;
        let own = Place { name: &file, text: &text, folder: place.folder.clone() };
        let bad = |BadPyproject { message, help, span }: BadPyproject| own.at(span, message, help);
        let versions = import::preferences(&text).map_err(bad)?;
        all.extend(versions.into_iter().map(|version| Preferred { version, file: file.clone() }));
    }
    Ok(all)
}
