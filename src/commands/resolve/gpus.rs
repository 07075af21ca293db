//! Checks that torch has code for the GPUs that the spec names.

use crate::catalog::Candidate;
use crate::digest::Sha256;
use crate::exit::{Exit, Failure};
use crate::gpu::Arch;
use crate::index::LiveCatalog;
use crate::lock::Lock;
use crate::spec::Spec;
use crate::ui::Ui;

const TORCH: &str = "torch";

/// What the chosen torch has code for; nothing where the spec names no GPU, or there is no torch with CUDA.
///
/// # Errors
/// A GPU of the spec that torch has no code for (exit 4), a wheel that cannot be read.
pub async fn arch_list(
    spec: &Spec,
    old: Option<&Lock>,
    chosen: impl IntoIterator<Item = (&Candidate, Sha256)>,
    catalog: &LiveCatalog,
    ui: &Ui,
) -> Result<Vec<Arch>, Failure> {
    let torch = chosen.into_iter().find(|(candidate, _)| candidate.name.as_ref() == TORCH);
    let (Some((torch, sha256)), Some(_), false) =
        (torch, spec.target.cuda.line(), spec.target.gpus.is_empty())
    else {
        return Ok(Vec::new());
    };
    let list = match old.and_then(|old| known(old, sha256)) {
        Some(list) => list,
        None => match catalog.arch_list(torch).await? {
            Some(list) => list,
            None => {
                let version = &torch.version;
                ui.warn(format!(
                    "torch {version} does not say which GPUs it has code for: target.gpus is not checked, and the lock has no arch-list"
                ));
                return Ok(Vec::new());
            }
        },
    };
    let missing = spec.target.gpus.iter().find(|gpu| !list.iter().any(|arch| arch.runs_on(**gpu)));
    match missing {
        None => Ok(list),
        Some(gpu) => {
            let has: Vec<String> = list.iter().map(Arch::to_string).collect();
            let (version, cuda) = (&torch.version, spec.target.cuda);
            Err(Failure::message(
                Exit::Unsatisfiable,
                format!(
                    "torch {version} for {cuda} has no code for GPUs of compute capability {gpu} (target.gpus); it was built for {}: \
                     ask for an older torch or another target.cuda, or take {gpu} out of target.gpus",
                    has.join(", ")
                ),
            ))
        }
    }
}

/// The architectures that an earlier lock has for the same bytes.
fn known(old: &Lock, torch: Sha256) -> Option<Vec<Arch>> {
    let same = old.packages.iter().any(|p| p.name.as_ref() == TORCH && p.sha256 == torch);
    Some(old.target.arch_list.clone()).filter(|list| same && !list.is_empty())
}
