//! `[tool.uv]` of a pyproject.toml: what is taken from it, and what is reported as not followed.

use toml::{Spanned, Value};

use super::file::Uv;
use super::model::{At, BadPyproject, bad};

/// Settings of uv that also decide versions and are not followed, each with what to write instead.
pub(super) fn not_followed(uv: &Uv) -> Vec<(&'static str, &'static str)> {
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

pub(super) fn texts(all: Vec<Spanned<Value>>) -> Result<Vec<At>, BadPyproject> {
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
pub(super) fn from(source: Spanned<Value>) -> At<Result<String, String>> {
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
