//! Checks on GPUs, where the container engine has some.

use std::time::Instant;

use super::Error;
use super::checks::{self, Check, CheckName, Expected, OfGpu};
use super::probe::{self, Silence};
use super::sandbox::{Manner, Sandbox};
use crate::reference::PinnedReference;

/// A product on each GPU, and NCCL over all of them; skipped, with the reason, where there is none.
pub(super) async fn computes(
    sandbox: &Sandbox,
    what: &str,
    image: &PinnedReference,
    expected: &Expected,
) -> Result<Check, Error> {
    if !expected.has("torch") || expected.cuda_line.is_none() {
        return Ok(Check::not_locked(CheckName::Gpu, "torch for CUDA"));
    }
    let options = match sandbox.runtime().gpu_options().await? {
        Ok(options) => options,
        Err(why) => return Ok(Check::skipped(CheckName::Gpu, why)),
    };
    let started = Instant::now();
    let manner = Manner { options, ..Manner::default() };
    let check = match probe::alone::<OfGpu>(sandbox, what, image, &["gpu"], manner).await? {
        Ok(found) => checks::gpus(&found),
        Err(Silence { why, log }) => Check::of(CheckName::Gpu, Err(why)).with_log(log),
    };
    Ok(check.after(started.elapsed().as_secs_f64()))
}
