//! Dependencies, extras and groups of a pyproject.toml that are asked for, those that they include among them.

use std::ops::Range;

use toml::Value;

use super::file::File;
use super::model::{At, BadPyproject, at_span, bad};
use crate::python::strict;

pub(super) fn dependencies(file: &File) -> Result<Vec<At>, BadPyproject> {
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

/// Adds the requirements of extras.
pub(super) struct Extras<'a> {
    file: &'a File,
    taken: Vec<String>,
    pub(super) requires: Vec<At>,
}

impl<'a> Extras<'a> {
    /// `requires`: what is asked for already.
    pub(super) fn new(file: &'a File, requires: Vec<At>) -> Self {
        Extras { file, taken: Vec::new(), requires }
    }

    pub(super) fn take(&mut self, extra: &str, span: Range<usize>) -> Result<(), BadPyproject> {
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

    /// Whether the requirement at this place is the project itself; its extras are then added at the end instead.
    pub(super) fn own(&mut self, at: usize) -> Result<bool, BadPyproject> {
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

/// Adds the requirements of groups.
pub(super) struct Groups<'a> {
    file: &'a File,
    open: Vec<String>,
    pub(super) requires: Vec<At>,
}

impl<'a> Groups<'a> {
    /// `requires`: what is asked for already.
    pub(super) fn new(file: &'a File, requires: Vec<At>) -> Self {
        Groups { file, open: Vec::new(), requires }
    }

    pub(super) fn take(&mut self, group: &str, span: Range<usize>) -> Result<(), BadPyproject> {
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
