//! Gathers, decides, and reports what is only assumed.

use super::decide::decide;
use super::gather::{Gathered, Servers};
use crate::commands::resolve::assemble::Pins;
use crate::exit::Failure;
use crate::lock::Lock;
use crate::spec::Spec;

/// What the lock pins besides packages. A locked interpreter that fits stays, unless it `may_move`.
///
/// # Errors
/// Something does not exist or is not known, or the spec cannot be built on it.
pub(in crate::commands::resolve) async fn pins(
    servers: &Servers<'_>,
    spec: &Spec,
    old: Option<&Lock>,
    may_move: bool,
) -> Result<Pins, Failure> {
    let found = Gathered::from(servers, spec, old, may_move).await?;
    let mut warnings = Vec::new();
    let pins = decide(found, spec, old, &mut warnings);
    warnings.iter().for_each(|warning| servers.ui.warn(warning));
    pins
}
