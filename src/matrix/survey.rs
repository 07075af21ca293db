//! Queries a catalog for all versions, and compares them with what the solver takes.

use std::sync::Arc;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName, VersionOrUrl};
use pubgrub::Ranges;

use super::{Build, Cell, Column, Row, Table};
use crate::built_for::BuiltFor;
use crate::catalog::{Candidate, Catalog, Problem, Project, Skip};
use crate::cuda::CudaTag;
use crate::solve::{Error, Solution, range};
use crate::spec::{RequirementSpec, SourceKind, SourceName, Spec};
use crate::torch::{TorchAbi, local_cuda};

const TORCH: &str = "torch";
/// The packages beside torch, in this order.
const COLUMNS: [&str; 8] = [
    "torchvision",
    "pyg-lib",
    "torch-scatter",
    "torch-sparse",
    "torch-cluster",
    "torch-spline-conv",
    "ray",
    "marimo",
];
/// Columns that say in their metadata which torch they are for.
const BOUND_BY_METADATA: [&str; 1] = ["torchvision"];
/// Rows of a table, unless the taken one is further down.
const ROWS: usize = 10;
/// Versions of a bound column that are looked into.
const LOOKED_INTO: usize = 16;

/// The spec with a requirement for every column and any torch, so that a catalog made for it has the sources of each.
pub fn surveyed(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    let sources_of = |spec: &Spec, name: &str| -> Vec<SourceName> {
        let torch = || spec.requirements().find(|(_, r)| r.pep508.name.as_ref() == TORCH);
        let of_kind =
            |kind| spec.sources.iter().find(|(_, s)| s.kind == kind).map(|(n, _)| n.clone());
        let named =
            |name: &str| spec.sources.keys().filter(|n| n.as_str() == name).cloned().collect();
        match name {
            "ray" | "marimo" => named("pypi"),
            "torchvision" => torch().map_or_else(|| named("pytorch"), |(_, w)| w.sources.clone()),
            TORCH => named("pytorch"),
            _ => of_kind(SourceKind::Pyg).into_iter().collect(),
        }
    };
    let mut added = Vec::new();
    for name in [TORCH].into_iter().chain(COLUMNS) {
        let Ok(requirement) = name.parse::<pep508_rs::Requirement<_>>() else { continue };
        if !spec.requirements().any(|(_, r)| r.pep508.name == requirement.name) {
            let sources = sources_of(&spec, name);
            added.push(RequirementSpec::new(requirement, sources, true));
        }
    }
    if let Some(group) = spec.groups.last_mut() {
        group.requirements.extend(added);
    }
    for requirement in spec.groups.iter_mut().flat_map(|g| &mut g.requirements) {
        if requirement.pep508.name.as_ref() == TORCH {
            requirement.pep508.version_or_url = None;
        }
    }
    spec
}

/// The table for one Python. `spec` is the user's; `catalog` was made for [`surveyed`]; `outcome` is what the
/// solver answers to `spec`.
pub fn survey(
    spec: &Spec,
    python: String,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    outcome: &Result<Solution, Error>,
) -> Table {
    let cuda = spec.target.cuda;
    let taken = outcome.as_ref().ok().and_then(|solution| {
        let torch = solution.chosen.iter().find(|c| c.candidate.name.as_ref() == TORCH)?;
        Some(torch.candidate.version.clone())
    });
    let mut unknown = match outcome {
        Ok(_) if taken.is_none() => Some("the spec does not ask for torch".to_owned()),
        Ok(_) => None,
        Err(Error::Unsatisfiable(conflict)) => {
            Some(format!("resolve takes no row: {}", conflict.summary))
        }
        Err(error) => Some(format!("which row resolve takes is not known: {error}")),
    };
    let wanted = spec.asked_for();
    let columns: Vec<Asked> = COLUMNS
        .iter()
        .filter_map(|name| name.parse::<PackageName>().ok())
        .map(|name| Asked::new(wanted.contains(&name), name, environment, catalog, cuda))
        .collect();
    let torch = TORCH.parse().ok().map(|torch| catalog.project(&torch));
    let mut rows = match torch {
        Some(Ok(project)) => torches(&project, taken.as_ref(), catalog),
        Some(Err(problem)) => {
            unknown = Some(format!("torch: {problem}"));
            vec![]
        }
        None => vec![],
    };
    for row in &mut rows {
        row.cells = columns.iter().map(|column| column.cell(row, cuda)).collect();
        row.taken = taken.as_ref() == Some(&row.torch);
    }
    if let (Some(taken), Ok(solution)) = (&taken, outcome) {
        for row in rows.iter_mut().filter(|row| row.torch > *taken) {
            row.why_not = why_not(row, &columns, cuda, &python);
            if row.why_not.is_empty() {
                let instead = format!("instead of {}: ", row.torch);
                let said = solution.held_back.iter().filter(|s| s.starts_with("torch "));
                let said =
                    said.filter_map(|s| s.split_once(&instead)).map(|(_, why)| why.to_owned());
                row.why_not.extend(
                    said.chain(["something else of the set does not fit".to_owned()]).take(1),
                );
            }
        }
    }
    let columns = columns.into_iter().map(|c| c.column).collect();
    Table { python, columns, rows, unknown }
}

fn torches(project: &Project, taken: Option<&Version>, catalog: &dyn Catalog) -> Vec<Row> {
    let row = |torch: &Version, build| Row {
        torch: torch.clone(),
        build,
        cells: vec![],
        taken: false,
        why_not: vec![],
    };
    let is_final = |v: &Version| !v.any_prerelease();
    // Files from after the cut-off count as missing.
    let skipped = project.skipped.iter().filter(|s| !matches!(*s.why, Skip::TooNew(_)));
    let mut versions: Vec<(&Version, Result<&Candidate, &Skip>)> = project
        .candidates
        .iter()
        .filter(|c| !c.yanked)
        .map(|c| (&c.version, Ok(c)))
        .chain(skipped.map(|s| (&s.version, Err(&*s.why))))
        .filter(|(v, _)| is_final(v))
        .collect();
    versions.sort_by(|a, b| b.0.cmp(a.0));
    let below =
        taken.and_then(|t| versions.iter().position(|(v, _)| *v == t)).map_or(0, |at| at + 3);
    // Wheels for this Python, but of another CUDA.
    let elsewhere = |why: &Skip| match why {
        Skip::NoMatchingWheel(tags) => {
            tags.iter().find_map(|tag| tag.parse().ok()).map_or(Build::NoWheel, Build::For)
        }
        _ => Build::NoWheel,
    };
    let shown = versions.into_iter().take(ROWS.max(below));
    let build = |candidate: &Candidate| {
        let stated = local_cuda(&candidate.version);
        stated
            .or_else(|| catalog.cuda_build(candidate).ok().flatten())
            .map_or(Build::Unknown, Build::For)
    };
    shown
        .map(|(version, candidate)| row(version, candidate.map_or_else(elsewhere, build)))
        .collect()
}

fn why_not(row: &Row, columns: &[Asked], cuda: CudaTag, python: &str) -> Vec<String> {
    match row.build {
        Build::NoWheel => return vec![format!("it has no wheel for Python {python} here")],
        Build::For(tag) if tag != cuda => {
            return vec![format!("it is built for {tag}, not {cuda}")];
        }
        Build::For(_) | Build::Unknown => {}
    }
    let lacks = |(column, cell): (&Asked, &Cell)| {
        let lacks = column.column.wanted && *cell == Cell::Nothing;
        lacks.then(|| format!("no {} for it", column.column.name))
    };
    columns.iter().zip(&row.cells).filter_map(lacks).collect()
}

/// A column with what its source offers.
struct Asked {
    column: Column,
    offers: Option<Vec<Offer>>,
}

/// A usable version, newest first, and the torches it goes with.
struct Offer {
    version: Version,
    torch: Ranges<Version>,
}

impl Asked {
    fn new(
        wanted: bool,
        name: PackageName,
        environment: &MarkerEnvironment,
        catalog: &dyn Catalog,
        cuda: CudaTag,
    ) -> Self {
        let found = match catalog.project(&name) {
            Ok(project) => offers(&project, environment, catalog, cuda).map_err(|e| e.to_string()),
            Err(Problem::NotFound(_) | Problem::Unusable(_)) => Ok(vec![]),
            Err(problem @ Problem::Stop(_)) => Err(problem.to_string()),
        };
        let problem = found.as_ref().err().cloned();
        Self { column: Column { name, wanted, problem }, offers: found.ok() }
    }

    fn cell(&self, row: &Row, cuda: CudaTag) -> Cell {
        let Some(offers) = &self.offers else { return Cell::Unknown };
        // A torch of another CUDA fits nothing that is bound to torch, whatever the versions say.
        let other = match row.build {
            Build::For(tag) => tag != cuda,
            Build::NoWheel => true,
            Build::Unknown => false,
        };
        let fits = offers.iter().find(|offer| match offer.torch == Ranges::full() {
            true => true,
            false => !other && offer.torch.contains(&row.torch),
        });
        fits.map_or(Cell::Nothing, |offer| Cell::Has(offer.version.clone()))
    }
}

fn fits(version: &Version, cuda: CudaTag) -> bool {
    BuiltFor::of(version).accelerator.is_none_or(|built| built.fits(cuda))
}

fn offers(
    project: &Arc<Project>,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    cuda: CudaTag,
) -> Result<Vec<Offer>, Problem> {
    let usable = project.candidates.iter().filter(|c| !c.yanked && !c.version.any_prerelease());
    let bound = BOUND_BY_METADATA.contains(&project.name.as_ref());
    let mut offers = Vec::new();
    for candidate in usable.take(if bound { LOOKED_INTO } else { usize::MAX }) {
        let torch = match TorchAbi::of(&candidate.version) {
            Some(abi) if fits(&candidate.version, cuda) => range(&abi.torch_requirement()),
            Some(_) => continue,
            None if bound => match torch_of(candidate, environment, catalog, cuda) {
                Ok(torch) => torch,
                Err(Problem::Unusable(_) | Problem::NotFound(_)) => continue,
                Err(stop) => return Err(stop),
            },
            None => Ranges::full(),
        };
        offers.push(Offer { version: candidate.version.clone(), torch });
    }
    Ok(offers)
}

/// The torches a wheel of the torch family asks for; none, when it is for another CUDA.
fn torch_of(
    candidate: &Candidate,
    environment: &MarkerEnvironment,
    catalog: &dyn Catalog,
    cuda: CudaTag,
) -> Result<Ranges<Version>, Problem> {
    let build = match local_cuda(&candidate.version) {
        Some(tag) => Some(tag),
        None => catalog.cuda_build(candidate)?,
    };
    let metadata = catalog.metadata(candidate)?;
    let python = environment.python_full_version();
    let runs =
        metadata.requires_python.as_ref().is_none_or(|python_range| python_range.contains(python));
    if build != Some(cuda) || !runs {
        return Ok(Ranges::empty());
    }
    let of_torch = metadata
        .requires
        .iter()
        .filter(|r| r.name.as_ref() == TORCH && r.evaluate_markers(environment, &[]));
    Ok(of_torch.fold(Ranges::full(), |all, r| match &r.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => all.intersection(&range(specifiers)),
        _ => all,
    }))
}
