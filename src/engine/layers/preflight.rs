//! Whether the engine can build on a base image, before anything is built. Pure.

use super::error::Error;
use super::{python, system};
use crate::lock::Lock;
use crate::registry::BaseSystem;
use crate::spec::{CompilerNeed, PythonSource};

/// Whether images of this lock can be built on this base without running it; both layers are computed.
///
/// # Errors
///
/// The first thing that is in the way: [`Error::Path`], [`Error::NoPython`], [`Error::Compiler`].
pub(super) fn check(base: &BaseSystem, lock: &Lock, compiler: CompilerNeed) -> Result<(), Error> {
    system::system(base, lock.target.source_date_epoch)?;
    if lock.python.source == PythonSource::Base {
        python::skeleton(base, lock)?;
    }
    match compiler {
        CompilerNeed::Auto => system::compiler(base, lock),
        CompilerNeed::None => Ok(()),
    }
}
