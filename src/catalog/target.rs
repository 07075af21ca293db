//! The target that candidates are chosen for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::built_for::{Accelerator, BuiltFor};
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::lock::{Lock, Package, Upload};
use crate::platform::Platform;
use crate::python::{GlibcVersion, TargetTags};
use crate::spec::{CutOff, SourceName, Spec};

/// The platform, interpreter, C library and CUDA build that everything must fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Operating system and architecture.
    pub platform: Platform,
    /// The full version, `3.14.2`: Requires-Python may exclude a patch release.
    pub python: Version,
    /// The wheels that run.
    pub tags: TargetTags,
    /// The builds to take where an index has several.
    pub cuda: CudaTag,
    /// Files uploaded at these times or later are ignored.
    pub cut_offs: CutOffs,
    /// Upload times by hash, as an earlier lock has them: indexes change theirs.
    pub times: Arc<BTreeMap<Sha256, Upload>>,
    /// Distributions that may be built for another accelerator.
    pub allow: BTreeSet<PackageName>,
}

/// Cut-offs for all, for single sources, for single packages; the last of these that is set applies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CutOffs {
    all: Option<Timestamp>,
    sources: BTreeMap<SourceName, Option<Timestamp>>,
    packages: BTreeMap<PackageName, Option<Timestamp>>,
}

impl CutOffs {
    /// Those of a spec.
    pub fn new(spec: &Spec) -> Self {
        let at = |cut_off: CutOff| cut_off.at;
        let sources = spec.sources.iter();
        let packages = spec.packages.iter();
        CutOffs {
            all: spec.exclude_newer.map(at),
            sources: sources
                .filter_map(|(n, s)| Some((n.clone(), s.exclude_newer?.map(at))))
                .collect(),
            packages: packages
                .filter_map(|(n, p)| Some((n.clone(), p.exclude_newer?.map(at))))
                .collect(),
        }
    }

    /// The one for the files of `name` in `source`.
    pub fn of(&self, name: &PackageName, source: &SourceName) -> Option<Timestamp> {
        let own = self.packages.get(name).or_else(|| self.sources.get(source));
        own.copied().unwrap_or(self.all)
    }
}

impl Target {
    /// For CPython `python` on `platform`.
    pub fn new(platform: Platform, python: Version, glibc: GlibcVersion, cuda: CudaTag) -> Self {
        let part = |at: usize| python.release().get(at).copied().unwrap_or_default();
        Self {
            platform,
            tags: TargetTags::new(platform, part(0), part(1), glibc),
            python,
            cuda,
            cut_offs: CutOffs::default(),
            times: Arc::default(),
            allow: BTreeSet::new(),
        }
    }

    /// The same, with the cut-offs of the spec.
    pub fn before(self, spec: &Spec) -> Self {
        Self { cut_offs: CutOffs::new(spec), ..self }
    }

    /// The same, with the upload times of an earlier lock.
    pub fn keeping(self, lock: Option<&Lock>) -> Self {
        let upload =
            |p: &Package| Some((p.sha256, Upload { at: p.uploaded?, from: p.uploaded_from? }));
        let times = lock.into_iter().flat_map(|lock| lock.packages.iter().filter_map(upload));
        Self { times: Arc::new(times.collect()), ..self }
    }

    /// The same, with these allowed whatever they are built for.
    pub fn allowing(self, allow: &BTreeSet<PackageName>) -> Self {
        Self { allow: allow.clone(), ..self }
    }

    /// What this version of `name` is built for, where its local part names another accelerator than the target's.
    pub fn foreign(&self, name: &PackageName, version: &Version) -> Option<Accelerator> {
        let built = BuiltFor::of(version).accelerator?;
        (!built.fits(self.cuda) && !self.allow.contains(name)).then_some(built)
    }
}
