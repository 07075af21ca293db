//! Pins and a solution → a lock.

use crate::catalog::{Chosen, WheelFacts, WheelFile};
use crate::lock::{Bases, FORMAT, Lock, Package, PythonPin, Target};
use crate::python::GlibcVersion;
use crate::spec::Spec;

/// The environment the set was chosen for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// The interpreter.
    pub python: PythonPin,
    /// The base images.
    pub base: Bases,
    /// Of the runtime base.
    pub glibc: GlibcVersion,
    /// Seconds since 1970-01-01 UTC.
    pub source_date_epoch: i64,
}

/// The lock that answers `spec` with these pins and wheels.
pub fn assemble(spec: &Spec, pins: Pins, chosen: Vec<(Chosen, WheelFacts)>) -> Lock {
    let line = spec.target.cuda.line();
    let mut packages: Vec<Package> =
        chosen.into_iter().map(|(chosen, facts)| package(spec, chosen, facts)).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Lock {
        version: FORMAT,
        spec_sha256: spec.sha256(),
        profile: spec.profile.clone(),
        target: Target {
            platform: spec.target.platform,
            glibc: pins.glibc,
            cuda_tag: spec.target.cuda,
            cuda_line: line,
            min_driver: line.and_then(crate::cuda::CudaLine::min_driver),
            arch_list: Vec::new(),
            cuda_allow: spec.cuda_allow.iter().cloned().collect(),
            source_date_epoch: pins.source_date_epoch,
        },
        python: pins.python,
        base: pins.base,
        packages,
        system: None,
        system_packages: Vec::new(),
        layers: Vec::new(),
    }
}

fn package(spec: &Spec, chosen: Chosen, facts: WheelFacts) -> Package {
    let candidate = chosen.candidate;
    let WheelFile { file, location, .. } = (*candidate).clone();
    Package {
        rules: spec.rules_of(&candidate.name, &candidate.version),
        name: candidate.name,
        version: candidate.version,
        group: chosen.group,
        requested: chosen.requested,
        required_by: chosen.required_by,
        extras: chosen.extras,
        file,
        bare_metadata: facts.bare_metadata,
        size: facts.size,
        unpacked_size: facts.unpacked_size,
        sha256: facts.sha256,
        locations: vec![location],
        uploaded: facts.uploaded.map(|u| u.at),
        uploaded_from: facts.uploaded.map(|u| u.from),
    }
}
