//! Advice that changes what there is to choose from, another CUDA or Python: tried before it is given.

use jiff::ToSpan;
use pep440_rs::Version;

use crate::commands::{Context, query_index};
use crate::index::CachePolicy;
use crate::python::GlibcVersion;
use crate::solve::{Conflict, TargetChange, possible};
use crate::spec::{CutOff, Spec};

/// So many other targets are tried: each has to ask the indexes anew.
const TRIED: usize = 3;

/// A patch release that a minor version does not reach: the newest one counts.
const NEWEST_PATCH: u64 = 99;

/// Adds to the conflict's advice the other targets for which there is a set. What cannot be found out is left out.
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
            TargetChange::Python(wanted) => {
                let patch = wanted.patch.unwrap_or(NEWEST_PATCH);
                python = Version::new([wanted.major, wanted.minor, patch]);
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
