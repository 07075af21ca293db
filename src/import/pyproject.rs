//! pyproject.toml → what it asks for: `[project]` (PEP 621), `[dependency-groups]` (PEP 735) and the rules of `[tool.uv]`.

use std::collections::BTreeMap;
use std::ops::Range;

use pep508_rs::PackageName;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::python::strict;

/// What is wanted of a file.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `project.dependencies`
    pub dependencies: bool,
    /// Names of `[dependency-groups]`.
    pub groups: Vec<String>,
    /// Names of `[project.optional-dependencies]`.
    pub extras: Vec<String>,
}

/// A text of the file and where it is, bytes.
pub type At<T = String> = (T, Range<usize>);

/// What a file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pyproject {
    /// Requirements, in the order of the file.
    pub requires: Vec<At>,
    /// `project.requires-python`
    pub requires_python: Option<At>,
    /// uv's constraint-dependencies.
    pub constraints: Vec<At>,
    /// uv's override-dependencies.
    pub overrides: Vec<At>,
    /// uv's exclude-dependencies.
    pub excludes: Vec<At>,
    /// uv's sources: package → the index it comes from, or what else it comes from.
    pub sources: BTreeMap<PackageName, At<Result<String, String>>>,
    /// uv's indexes: name, address, whether only `sources` lead there.
    pub indexes: Vec<(Option<String>, At, bool)>,
    /// Keys that are not followed, and what to write instead.
    pub told: Vec<(&'static str, &'static str)>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPyproject {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
    /// Bytes of the file.
    pub span: Range<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    project: Option<Project>,
    #[serde(default)]
    dependency_groups: BTreeMap<String, Vec<Spanned<Value>>>,
    #[serde(default)]
    tool: Tool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    dependencies: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Spanned<String>>>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    dynamic: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
struct Tool {
    #[serde(default)]
    uv: Uv,
    poetry: Option<Spanned<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Uv {
    #[serde(default)]
    constraint_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    override_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    exclude_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    sources: BTreeMap<PackageName, Spanned<Value>>,
    #[serde(default)]
    index: Vec<UvIndex>,
    dependency_metadata: Option<Value>,
    prerelease: Option<Value>,
    prerelease_package: Option<Value>,
    environments: Option<Value>,
    conflicts: Option<Value>,
}

#[derive(Deserialize)]
struct UvIndex {
    name: Option<String>,
    url: Spanned<String>,
    #[serde(default)]
    explicit: bool,
}

/// Reads a file's text.
pub fn pyproject(text: &str, wanted: &Wanted) -> Result<Pyproject, BadPyproject> {
    let file: File = toml::from_str(text).map_err(|e| BadPyproject {
        message: e.message().to_owned(),
        help: "https://packaging.python.org/en/latest/specifications/pyproject-toml/ has the form"
            .to_owned(),
        span: e.span().unwrap_or(0..0),
    })?;
    let mut requires = Vec::new();
    if wanted.dependencies {
        requires.extend(dependencies(&file)?);
    }
    let mut extras = Extras { file: &file, taken: Vec::new(), requires };
    for extra in &wanted.extras {
        extras.take(extra, 0..0)?;
    }
    // A project that asks for itself asks for its own extras.
    let mut at = 0;
    while at < extras.requires.len() {
        at += usize::from(!extras.own(at)?);
    }
    let mut groups = Groups { file: &file, open: Vec::new(), requires: extras.requires };
    for group in &wanted.groups {
        groups.take(group, 0..0)?;
    }
    let Groups { requires, .. } = groups;
    let requires_python =
        file.project.as_ref().and_then(|p| p.requires_python.clone()).map(at_span);
    let told = told(&file.tool.uv);
    let uv = file.tool.uv;
    Ok(Pyproject {
        requires,
        requires_python,
        constraints: texts(uv.constraint_dependencies)?,
        overrides: texts(uv.override_dependencies)?,
        excludes: texts(uv.exclude_dependencies)?,
        sources: uv.sources.into_iter().map(|(name, source)| (name, from(source))).collect(),
        indexes: uv.index.into_iter().map(|i| (i.name, at_span(i.url), i.explicit)).collect(),
        told,
    })
}

fn at_span(text: Spanned<String>) -> At {
    let span = text.span();
    (text.into_inner(), span)
}

fn bad<T>(message: String, help: &str, span: Range<usize>) -> Result<T, BadPyproject> {
    Err(BadPyproject { message, help: help.to_owned(), span })
}

/// What is told of uv's settings that decide versions too.
fn told(uv: &Uv) -> Vec<(&'static str, &'static str)> {
    let packages = "[packages] NAME = { prereleases = \"allow\" } says it by package";
    let all = [
        (
            uv.dependency_metadata.is_some(),
            "dependency-metadata",
            "[metadata.\"NAME==VERSION\"] says it",
        ),
        (uv.prerelease.is_some(), "prerelease", packages),
        (uv.prerelease_package.is_some(), "prerelease-package", packages),
        (uv.environments.is_some(), "environments", "a lock is for one target"),
        (uv.conflicts.is_some(), "conflicts", "groups that conflict belong to two profiles"),
    ];
    all.into_iter().filter(|(is, ..)| *is).map(|(_, key, instead)| (key, instead)).collect()
}

fn dependencies(file: &File) -> Result<Vec<At>, BadPyproject> {
    let Some(project) = &file.project else {
        return match &file.tool.poetry {
            Some(poetry) => bad(
                "there is no [project], and the tables of poetry are not read".to_owned(),
                "write them as [project] (poetry 2 reads that), or `poetry export` them for \"-r requirements.txt\"",
                poetry.span(),
            ),
            None if file.dependency_groups.is_empty() => bad(
                "there is no [project] and no [dependency-groups]".to_owned(),
                "name the pyproject.toml of a project",
                0..0,
            ),
            None => Ok(vec![]),
        };
    };
    match (
        &project.dependencies,
        project.dynamic.iter().find(|key| key.get_ref() == "dependencies"),
    ) {
        (None, Some(dynamic)) => bad(
            "its dependencies are dynamic: they are known to its build backend only".to_owned(),
            "import the file they are read from: packages = [\"-r requirements.txt\"], and dependencies = false",
            dynamic.span(),
        ),
        (dependencies, _) => Ok(dependencies.iter().flatten().cloned().map(at_span).collect()),
    }
}

/// PEP 503 names, also of extras and groups.
fn normal(name: &str) -> String {
    let mut parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_lowercase();
    parts.fold(first, |all, part| all + "-" + &part.to_lowercase())
}

fn known<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

struct Extras<'a> {
    file: &'a File,
    taken: Vec<String>,
    requires: Vec<At>,
}

impl Extras<'_> {
    fn take(&mut self, extra: &str, span: Range<usize>) -> Result<(), BadPyproject> {
        let extra = normal(extra);
        if self.taken.contains(&extra) {
            return Ok(());
        }
        let all = self.file.project.iter().flat_map(|project| &project.optional_dependencies);
        let Some((_, own)) = all.clone().find(|(name, _)| normal(name) == extra) else {
            let message = format!(
                "there is no extra `{extra}`; there are: {}",
                known(all.map(|(name, _)| name))
            );
            return bad(message, "name one of [project.optional-dependencies]", span);
        };
        self.requires.extend(own.iter().cloned().map(at_span));
        self.taken.push(extra);
        Ok(())
    }

    /// Whether the requirement at this place was the project itself; then its extras stand at the end instead.
    fn own(&mut self, at: usize) -> Result<bool, BadPyproject> {
        let project = self.file.project.as_ref().and_then(|p| p.name.as_deref());
        let (text, span) = self.requires[at].clone();
        let Ok(requirement) = strict(&text) else { return Ok(false) };
        if project.is_none_or(|name| normal(name) != requirement.name.as_ref()) {
            return Ok(false);
        }
        self.requires.remove(at);
        for extra in &requirement.extras {
            self.take(extra.as_ref(), span.clone())?;
        }
        Ok(true)
    }
}

struct Groups<'a> {
    file: &'a File,
    open: Vec<String>,
    requires: Vec<At>,
}

impl Groups<'_> {
    fn take(&mut self, group: &str, span: Range<usize>) -> Result<(), BadPyproject> {
        const FORM: &str = "a group holds requirements and { include-group = \"NAME\" }";
        let group = normal(group);
        let all = self.file.dependency_groups.iter();
        let Some((_, own)) = all.clone().find(|(name, _)| normal(name) == group) else {
            let message = format!(
                "there is no group `{group}`; there are: {}",
                known(all.map(|(name, _)| name))
            );
            return bad(message, "name one of [dependency-groups]", span);
        };
        if self.open.contains(&group) {
            let way = self.open.join(" → ");
            return bad(
                format!("the group `{group}` includes itself: {way} → {group}"),
                FORM,
                span,
            );
        }
        self.open.push(group);
        for item in own {
            match item.get_ref() {
                Value::String(text) => self.requires.push((text.clone(), item.span())),
                Value::Table(table) if table.len() == 1 && table.contains_key("include-group") => {
                    let name = table["include-group"].as_str().unwrap_or_default();
                    self.take(name, item.span())?;
                }
                other => return bad(format!("`{other}` is not a requirement"), FORM, item.span()),
            }
        }
        self.open.pop();
        Ok(())
    }
}

fn texts(all: Vec<Spanned<Value>>) -> Result<Vec<At>, BadPyproject> {
    let text = |value: Spanned<Value>| match value.get_ref() {
        Value::String(text) => Ok((text.clone(), value.span())),
        other => bad(
            format!("`{other}` is not a requirement"),
            "rules for single versions of a package are not followed: [metadata.\"NAME==VERSION\"] of envlock.toml is",
            value.span(),
        ),
    };
    all.into_iter().map(text).collect()
}

/// The index, or what else it is.
fn from(source: Spanned<Value>) -> At<Result<String, String>> {
    let span = source.span();
    let one = match source.get_ref() {
        Value::Array(all) if all.len() == 1 => &all[0],
        one => one,
    };
    let from = match one {
        Value::Table(table) if table.contains_key("marker") => Err("several places".to_owned()),
        Value::Table(table) => match table.get("index").and_then(Value::as_str) {
            Some(index) => Ok(index.to_owned()),
            None => Err(table.keys().next().cloned().unwrap_or_default()),
        },
        _ => Err("several places".to_owned()),
    };
    (from, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [project]
        name = "My_App"
        dependencies = ["a>=1"]
        requires-python = ">=3.10"
        [project.optional-dependencies]
        gpu = ["b"]
        All_ = ["my-app[gpu,cpu]", "c"]
        cpu = ["d"]
        [dependency-groups]
        test = ["t", { include-group = "Lint" }]
        lint = ["l"]
        loop = [{ include-group = "loop" }]
        odd = [{ path = "." }]
        [tool.uv]
        constraint-dependencies = ["a<2"]
        override-dependencies = ["b==1"]
        exclude-dependencies = ["x"]
        prerelease = "allow"
        [tool.uv.sources]
        a = { index = "corp" }
        b = { git = "https://h.example/b" }
        c = [{ index = "corp", marker = "sys_platform == 'linux'" }, { index = "other" }]
        [[tool.uv.index]]
        name = "corp"
        url = "https://corp.example/simple"
        explicit = true
    "#;

    fn read(dependencies: bool, groups: &[&str], extras: &[&str]) -> Result<Vec<String>, String> {
        let own = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        let wanted = Wanted { dependencies, groups: own(groups), extras: own(extras) };
        let read = pyproject(FILE, &wanted).map_err(|bad| bad.message)?;
        assert!(
            read.requires.iter().all(|(text, span)| FILE[span.clone()].contains(text.as_str()))
        );
        Ok(read.requires.into_iter().map(|(text, _)| text).collect())
    }

    #[test]
    fn dependencies_extras_and_groups_are_taken_as_wanted() {
        assert_eq!(read(true, &[], &[]).unwrap(), ["a>=1"]);
        assert_eq!(read(false, &["TEST"], &[]).unwrap(), ["t", "l"]);
        assert_eq!(read(true, &["lint"], &["all"]).unwrap(), ["a>=1", "c", "b", "d", "l"]);
        for (groups, extras, why) in [
            (&["none"][..], &[][..], "there is no group `none`; there are: lint, loop, odd, test"),
            (&[], &["none"], "there is no extra `none`; there are: All_, cpu, gpu"),
            (&["loop"], &[], "the group `loop` includes itself: loop → loop"),
            (&["odd"], &[], "is not a requirement"),
        ] {
            let error = read(true, groups, extras).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_rules_of_uv_are_read_with_it() {
        let read = pyproject(FILE, &Wanted::default()).unwrap();
        let first = |all: &[At]| all[0].0.clone();
        assert_eq!(
            (first(&read.constraints), first(&read.overrides)),
            ("a<2".into(), "b==1".into())
        );
        assert_eq!(first(&read.excludes), "x");
        let from = |name: &str| read.sources[&name.parse().unwrap()].0.clone();
        assert_eq!(from("a"), Ok("corp".to_owned()));
        assert_eq!(
            (from("b"), from("c")),
            (Err("git".to_owned()), Err("several places".to_owned()))
        );
        assert_eq!(read.told[0].0, "prerelease");
        assert!(read.indexes[0].2);
    }

    #[test]
    fn files_without_dependencies_that_can_be_known_are_refused() {
        let error = |text: &str| {
            pyproject(text, &Wanted { dependencies: true, ..Wanted::default() })
                .unwrap_err()
                .message
        };
        assert!(
            error("[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n").contains("dynamic")
        );
        assert!(error("[tool.poetry]\nname = \"a\"\n").contains("poetry"));
        assert!(error("[tool.other]\n").contains("no [project]"));
        assert!(error("[project\n").contains("unclosed"));
        assert!(error("[project]\ndependencies = \"a\"\n").contains("expected"));
    }
}
