//! What a pyproject.toml asks for, as values.

use std::collections::BTreeMap;
use std::ops::Range;

use pep508_rs::PackageName;
use toml::Spanned;

/// What is to be read of a file.
#[derive(Debug, Clone, Default)]
pub struct Selection {
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
    /// uv's sources: package → the index it comes from, or the other kind of source (`git`, `path`, …).
    pub sources: BTreeMap<PackageName, At<Result<String, String>>>,
    /// uv's indexes: name, address, whether only `sources` lead there.
    pub indexes: Vec<(Option<String>, At, bool)>,
    /// Keys that are not followed, and what to write instead.
    pub not_followed: Vec<(&'static str, &'static str)>,
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

pub(super) fn at_span(text: Spanned<String>) -> At {
    let span = text.span();
    (text.into_inner(), span)
}

pub(super) fn bad<T>(message: String, help: &str, span: Range<usize>) -> Result<T, BadPyproject> {
    Err(BadPyproject { message, help: help.to_owned(), span })
}
