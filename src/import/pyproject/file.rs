//! The tables of a pyproject.toml as they are written.

use std::collections::BTreeMap;

use pep508_rs::PackageName;
use serde::Deserialize;
use toml::{Spanned, Value};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) project: Option<Project>,
    #[serde(default)]
    pub(super) dependency_groups: BTreeMap<String, Vec<Spanned<Value>>>,
    #[serde(default)]
    pub(super) tool: Tool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Project {
    pub(super) name: Option<String>,
    pub(super) dependencies: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) optional_dependencies: BTreeMap<String, Vec<Spanned<String>>>,
    pub(super) requires_python: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) dynamic: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Tool {
    #[serde(default)]
    pub(super) uv: Uv,
    pub(super) poetry: Option<Spanned<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Uv {
    #[serde(default)]
    pub(super) constraint_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    pub(super) override_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    pub(super) exclude_dependencies: Vec<Spanned<Value>>,
    #[serde(default)]
    pub(super) sources: BTreeMap<PackageName, Spanned<Value>>,
    #[serde(default)]
    pub(super) index: Vec<UvIndex>,
    pub(super) dependency_metadata: Option<Value>,
    pub(super) prerelease: Option<Value>,
    pub(super) prerelease_package: Option<Value>,
    pub(super) environments: Option<Value>,
    pub(super) conflicts: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct UvIndex {
    pub(super) name: Option<String>,
    pub(super) url: Spanned<String>,
    #[serde(default)]
    pub(super) explicit: bool,
}
