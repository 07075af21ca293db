//! `envlock matrix`: which torch goes with which of the rest, for each Python, and which one `resolve` takes.

use std::collections::BTreeMap;
use std::io::Write;

use camino::Utf8Path;
use pep440_rs::Version;

use super::{Context, query_index, resolve};
use crate::cli;
use crate::cuda::CudaTag;
use crate::exit::{CommandResult, Exit, Failure};
use crate::index::CachePolicy;
use crate::lock::{self, Lock};
use crate::matrix::{self, Matrix, Table};
use crate::python::GlibcVersion;
use crate::reports;
use crate::solve::solve;
use crate::spec::{Overrides, PythonRequest, Spec};

pub async fn run(args: cli::Matrix, context: &Context) -> CommandResult {
    let overrides = Overrides {
        index: args.index.clone(),
        without: args.without.clone(),
        exclude_newer: args.exclude_newer,
    };
    let mut spec = overrides.apply(context.spec()?)?;
    if let Some(cuda) = args.cuda {
        of_cuda(&mut spec, cuda);
    }
    let lock = match context.read_lock(&context.lock_name(args.lock.as_deref())) {
        Err(lock::Error::Missing { .. }) => None,
        lock => Some(lock?.0),
    };
    let glibc = glibc(&spec, lock.as_ref())?;
    let pythons = match args.python.is_empty() {
        true => vec![spec.python.version.clone()],
        false => args.python.clone(),
    };
    let mut tables = Vec::new();
    for python in &pythons {
        tables.push(table(&spec, python, lock.as_ref(), glibc, context).await?);
    }
    let matrix = Matrix { cuda: spec.target.cuda, tables };
    if let Some(path) = &args.svg {
        let path = context.path(path);
        write(&path, &matrix::svg(&matrix))?;
        context.ui.note(format!("wrote {path}"));
    }
    let report =
        reports::Matrix { version: reports::Version, cuda: matrix.cuda, tables: &matrix.tables };
    context.result(&report, || matrix::text(&matrix, context.ui.colours()));
    Ok(Exit::Ok)
}

async fn table(
    spec: &Spec,
    python: &PythonRequest,
    lock: Option<&Lock>,
    glibc: GlibcVersion,
    context: &Context,
) -> Result<Table, Failure> {
    // The patch release seldom matters; the lock's is the one that runs.
    let pins = lock.map(|l| &l.python).filter(|p| p.verified);
    let locked = pins.map(|p| &p.version).filter(|v| is_of(v, python));
    let full = match (locked, python.patch) {
        (Some(locked), _) => locked.clone(),
        (None, patch) => Version::new([python.major, python.minor, patch.unwrap_or(0)]),
    };
    let shown = locked.map_or_else(|| python.to_string(), ToString::to_string);
    let asked = spec.clone();
    let question = move |catalog: &dyn crate::catalog::Catalog, environment: &_| {
        let outcome = solve(&asked, environment, catalog, &BTreeMap::new());
        matrix::survey(&asked, shown, environment, catalog, &outcome)
    };
    // The table says which index could not be asked.
    let (table, _) = query_index::query(
        &matrix::surveyed(spec),
        &full,
        glibc,
        &[],
        CachePolicy::Fresh,
        context,
        question,
    )
    .await?;
    Ok(table)
}

fn is_of(version: &Version, python: &PythonRequest) -> bool {
    let &[major, minor, patch] = version.release() else { return false };
    (major, minor) == (python.major, python.minor) && python.patch.is_none_or(|p| p == patch)
}

/// The spec for another CUDA tag: indexes that have the tag in their address have one for each.
fn of_cuda(spec: &mut Spec, cuda: CudaTag) {
    let before = spec.target.cuda.to_string();
    for url in spec.sources.values_mut().filter_map(|source| source.url.as_mut()) {
        let other = cuda.to_string();
        let parts: Vec<&str> =
            url.path().split('/').map(|p| if p == before { other.as_str() } else { p }).collect();
        let path = parts.join("/");
        url.set_path(&path);
    }
    spec.target.cuda = cuda;
}

fn glibc(spec: &Spec, lock: Option<&Lock>) -> Result<GlibcVersion, Failure> {
    let known = spec.target.glibc.or(lock.map(|l| l.target.glibc));
    known.or_else(|| resolve::release_glibc(&spec.base.runtime)).ok_or_else(|| {
        let message = format!(
            "the C library of {} is not known without a lock; set target.glibc, for example \"2.39\"",
            spec.base.runtime
        );
        Failure::message(Exit::Usage, message)
    })
}

/// Writes the picture atomically.
fn write(path: &Utf8Path, text: &str) -> Result<(), Failure> {
    let attempt = || -> std::io::Result<()> {
        let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    };
    attempt().map_err(|e| Failure::message(Exit::Failed, format!("{path} cannot be written: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_cuda_tag_moves_the_indexes_that_have_one_for_each() {
        let mut spec = crate::spec::builtin().unwrap();
        of_cuda(&mut spec, "cu128".parse().unwrap());
        let urls: Vec<_> = spec.sources.values().filter_map(|s| s.url.as_ref()).collect();
        assert!(urls.iter().any(|u| u.path() == "/whl/cu128/"), "{urls:?}");
        assert_eq!(spec.target.cuda.to_string(), "cu128");
    }
}
