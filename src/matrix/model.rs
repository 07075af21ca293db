//! The tables as values.

use pep440_rs::Version;
use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cuda::CudaTag;

/// One table a Python, for one CUDA tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// What everything must be built for.
    pub cuda: CudaTag,
    /// In the requested order.
    pub tables: Vec<Table>,
}

/// The table for one Python.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Table {
    /// The Python, as far as it is known: `3.14.2`, or `3.14`.
    pub python: String,
    /// The packages beside torch.
    pub columns: Vec<Column>,
    /// Newest torch first.
    pub rows: Vec<Row>,
    /// Why it is not known which row `resolve` would take, or that there is none.
    pub unknown: Option<String>,
}

/// A package beside torch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Column {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// Whether the spec asks for it.
    pub wanted: bool,
    /// Why its cells are not known.
    pub problem: Option<String>,
}

/// One torch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// Its version.
    #[schemars(with = "String")]
    pub torch: Version,
    /// What its wheel is built for.
    pub build: Build,
    /// One a column.
    pub cells: Vec<Cell>,
    /// `resolve` takes this one.
    pub taken: bool,
    /// For torch versions newer than the taken one.
    pub why_not: Vec<String>,
}

/// What torch's wheel is built for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Build {
    /// This CUDA.
    For(CudaTag),
    /// It does not say, or could not be asked.
    Unknown,
    /// There is no wheel for this Python and platform.
    NoWheel,
}

/// What one package has for one torch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// The newest version that fits.
    Has(#[schemars(with = "String")] Version),
    /// Nothing.
    Nothing,
    /// Its source could not be asked.
    Unknown,
}

impl Cell {
    /// As text for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Cell::Has(version) => version.clone().without_local().to_string(),
            Cell::Nothing => "–".to_owned(),
            Cell::Unknown => "?".to_owned(),
        }
    }
}

impl Build {
    pub(super) fn shown(&self) -> String {
        match self {
            Build::For(tag) => tag.to_string(),
            Build::Unknown => "?".to_owned(),
            Build::NoWheel => "no wheel".to_owned(),
        }
    }
}

impl Table {
    /// The notes below the table: why newer torches are not taken, which sources could not be asked.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for row in self.rows.iter().filter(|row| !row.why_not.is_empty()) {
            let torch = row.torch.clone().without_local();
            notes.push(format!("not torch {torch}: {}", row.why_not.join("; ")));
        }
        notes.extend(self.unknown.clone());
        let mut problems: Vec<(&String, Vec<String>)> = Vec::new();
        for column in &self.columns {
            let Some(problem) = &column.problem else { continue };
            match problems.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, names)) => names.push(column.name.to_string()),
                None => problems.push((problem, vec![column.name.to_string()])),
            }
        }
        notes.extend(problems.iter().map(|(why, names)| format!("? {}: {why}", names.join(", "))));
        notes
    }
}
