//! Advice to use another CUDA or Python, which changes the candidates: tried before it is given.

use jiff::ToSpan;
use pep440_rs::Version;

use crate::commands::{Context, query_index};
use crate::index::CachePolicy;
use crate::python::GlibcVersion;
use crate::solve::{Conflict, TargetChange, possible};
use crate::spec::{CutOff, Spec};

/// How many other targets are tried: each queries the indexes again.
const TRIED: usize = 3;

/// A patch release that no minor version reaches: stands for the newest.
const NEWEST_PATCH: u64 = 99;

/// Adds to the conflict's advice the other targets for which there is a set. Targets that could not be tried are left out.
pub async fn try_elsewhere(
    conflict: &mut Conflict,
    spec: &Spec,
    python: &Version,
    glibc: GlibcVersion,
    policy: CachePolicy,
    context: &Context,
) {
    for elsewhere in conflict.elsewhere.clone().into_iter().take(TRIED) {
        let (mut spec, mut python) = (spec.clone(), python.clone());
        match elsewhere.target {
            TargetChange::Cuda(cuda) => spec = spec.for_cuda(cuda),
            TargetChange::Python(requested) => {
                let patch = requested.patch.unwrap_or(NEWEST_PATCH);
                python = Version::new([requested.major, requested.minor, patch]);
            }
            TargetChange::CutOff(at) => {
                spec.exclude_newer = at.checked_add(1.second()).ok().map(CutOff::at);
            }
        }
        let asked = spec.clone();
        let question = move |catalog: &dyn crate::catalog::Catalog, environment: &_| {
            possible(&asked, environment, catalog)
        };
        let answer =
            query_index::query(&spec, &python, glibc, &[], policy, context, question).await;
        if let Ok((true, None)) = answer {
            conflict.advise(elsewhere.sentence);
        }
    }
}
