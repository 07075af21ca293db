//! Predicts the pins before any request. Pure.

use pep440_rs::Version;

use crate::catalog::Target;
use crate::lock::Lock;
use crate::spec::Spec;

/// The pins as they are going to be, where no request is needed to know: prefetching need not wait.
pub(in crate::commands::resolve) fn likely(spec: &Spec, old: Option<&Lock>) -> Option<Target> {
    let old = old.filter(|o| o.base.runtime.reference == spec.base.runtime);
    let requested = &spec.python.version;
    let stated =
        requested.patch.map(|patch| Version::new([requested.major, requested.minor, patch]));
    let locked = old.map(|o| &o.python).filter(|p| p.source == spec.python.source);
    let locked = locked.map(|p| p.version.clone()).filter(|version| matches(spec, version));
    let glibc = spec.target.glibc.or(old.map(|o| o.target.glibc))?;
    let target = Target::new(spec.target.platform, stated.or(locked)?, glibc, spec.target.cuda);
    Some(target.allowing(&spec.cuda_allow))
}

/// Whether it is the requested Python.
pub(super) fn matches(spec: &Spec, version: &Version) -> bool {
    let requested = &spec.python.version;
    let &[major, minor, patch] = version.release() else { return false };
    (major, minor) == (requested.major, requested.minor)
        && requested.patch.is_none_or(|p| p == patch)
}
