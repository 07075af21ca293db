//! The text of a pyproject.toml → what it asks for.

use super::file::File;
use super::model::{BadPyproject, Pyproject, Selection, at_span};
use super::select::{Extras, Groups, dependencies};
use super::uv::{from, not_followed, texts};

/// Reads a file's text.
///
/// # Errors
/// What is no TOML or no pyproject.toml; groups and extras that are not there; dependencies that only a build knows.
pub fn pyproject(text: &str, selection: &Selection) -> Result<Pyproject, BadPyproject> {
    let file: File = toml::from_str(text).map_err(|e| BadPyproject {
        message: e.message().to_owned(),
        help: "https://packaging.python.org/en/latest/specifications/pyproject-toml/ has the form"
            .to_owned(),
        span: e.span().unwrap_or(0..0),
    })?;
    let mut requires = Vec::new();
    if selection.dependencies {
        requires.extend(dependencies(&file)?);
    }
    let mut extras = Extras::new(&file, requires);
    for extra in &selection.extras {
        extras.take(extra, 0..0)?;
    }
    // A project that asks for itself asks for its own extras.
    let mut at = 0;
    while at < extras.requires.len() {
        at += usize::from(!extras.own(at)?);
    }
    let mut groups = Groups::new(&file, extras.requires);
    for group in &selection.groups {
        groups.take(group, 0..0)?;
    }
    let Groups { requires, .. } = groups;
    let requires_python =
        file.project.as_ref().and_then(|p| p.requires_python.clone()).map(at_span);
    let not_followed = not_followed(&file.tool.uv);
    let uv = file.tool.uv;
    Ok(Pyproject {
        requires,
        requires_python,
        constraints: texts(uv.constraint_dependencies)?,
        overrides: texts(uv.override_dependencies)?,
        excludes: texts(uv.exclude_dependencies)?,
        sources: uv.sources.into_iter().map(|(name, source)| (name, from(source))).collect(),
        indexes: uv.index.into_iter().map(|i| (i.name, at_span(i.url), i.explicit)).collect(),
        not_followed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::At;

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
        let selection = Selection { dependencies, groups: own(groups), extras: own(extras) };
        let read = pyproject(FILE, &selection).map_err(|bad| bad.message)?;
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
        let read = pyproject(FILE, &Selection::default()).unwrap();
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
        assert_eq!(read.not_followed[0].0, "prerelease");
        assert!(read.indexes[0].2);
    }

    #[test]
    fn files_without_dependencies_that_can_be_known_are_refused() {
        let error = |text: &str| {
            pyproject(text, &Selection { dependencies: true, ..Selection::default() })
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
