//! Whether the engine can build on a base image, before anything is built. Pure.

use super::error::Error;
use super::{python, system};
use crate::base_image::BaseSystem;
use crate::lock::Lock;
use crate::spec::{CompilerNeed, PythonSource};

/// Whether images of this lock can be built on this base without running it; both layers are computed.
///
/// # Errors
///
/// The first obstacle: [`Error::Path`], [`Error::NoPython`], [`Error::Compiler`].
pub(super) fn check(base: &BaseSystem, lock: &Lock, need: CompilerNeed) -> Result<(), Error> {
    system::system(base, lock.target.source_date_epoch)?;
    if lock.python.source == PythonSource::Base {
        python::skeleton(base, lock)?;
    }
    match need {
        CompilerNeed::Auto => compiler(base, lock),
        CompilerNeed::None => Ok(()),
    }
}

/// Whether the base has what the lock's Triton compiles with, as `docker/build/compiler.sh` looks for it.
///
/// # Errors
///
/// [`Error::Compiler`].
fn compiler(base: &BaseSystem, lock: &Lock) -> Result<(), Error> {
    if !lock.packages.iter().any(|p| p.name.as_ref() == "triton") {
        return Ok(());
    }
    let minor = python::minor(lock);
    let mut missing = Vec::new();
    let is_locked = |name: &str| lock.system_packages.iter().any(|package| package.name == name);
    if !base.has_compiler() && !["gcc", "g++", "clang"].into_iter().any(is_locked) {
        missing.push("C compiler (gcc)".to_owned());
    }
    let header = format!("libpython{minor}-dev");
    if lock.python.source == PythonSource::Base
        && !base.has_python_header(&minor)
        && !is_locked(&header)
    {
        missing.push(format!("header of its Python (python{minor}/Python.h)"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Compiler { missing: missing.join(" and no ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_image::system::tests::base;
    use crate::lock::sample;

    #[test]
    fn triton_needs_a_compiler_and_the_header_of_a_base_python() {
        let mut lock = sample();
        let bare = base(&[]);
        assert!(compiler(&bare, &lock).is_ok());
        let mut triton = lock.packages[0].clone();
        triton.name = "triton".parse().unwrap();
        lock.packages.push(triton);
        let error = compiler(&bare, &lock).unwrap_err().to_string();
        assert!(error.contains("gcc") && error.contains("python3.14/Python.h"), "{error}");
        let gcc = base(&[&[("usr/bin/gcc", "ELF")]]);
        let error = compiler(&gcc, &lock).unwrap_err().to_string();
        assert!(!error.contains("gcc") && error.contains("Python.h"), "{error}");
        lock.python.source = PythonSource::Standalone;
        assert!(compiler(&gcc, &lock).is_ok());
    }
}
