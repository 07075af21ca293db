//! What is known of the pins before a server is asked. Pure.

use pep440_rs::Version;

use crate::catalog::Target;
use crate::lock::Lock;
use crate::spec::Spec;

/// What the pins are going to be, where no server has to be asked: the prefetch need not wait.
pub(in crate::commands::resolve) fn likely(spec: &Spec, old: Option<&Lock>) -> Option<Target> {
    let old = old.filter(|o| o.base.runtime.reference == spec.base.runtime);
    let wanted = &spec.python.version;
    let stated = wanted.patch.map(|patch| Version::new([wanted.major, wanted.minor, patch]));
    let locked = old.map(|o| &o.python).filter(|p| p.source == spec.python.source);
    let locked = locked.map(|p| p.version.clone()).filter(|version| matches(spec, version));
    let glibc = spec.target.glibc.or(old.map(|o| o.target.glibc))?;
    let target = Target::new(spec.target.platform, stated.or(locked)?, glibc, spec.target.cuda);
    Some(target.allowing(&spec.cuda_allow))
}

/// Whether it is the Python that is asked for.
pub(super) fn matches(spec: &Spec, version: &Version) -> bool {
    let wanted = &spec.python.version;
    let &[major, minor, patch] = version.release() else { return false };
    (major, minor) == (wanted.major, wanted.minor) && wanted.patch.is_none_or(|p| p == patch)
}
