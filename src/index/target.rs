//! What candidates are chosen for.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use pep440_rs::{LocalSegment, Version};
use pep508_rs::PackageName;

use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::lock::{Lock, Package, Upload};
use crate::python::TargetTags;
use crate::spec::{CutOff, GlibcVersion, SourceName, Spec};

/// The interpreter, C library and CUDA build everything must fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The full version, `3.14.2`: Requires-Python may exclude a patch release.
    pub python: Version,
    /// Which wheels run.
    pub tags: TargetTags,
    /// Which builds are wanted where an index has several.
    pub cuda: CudaTag,
    /// Files from these moments on do not count.
    pub cut_offs: CutOffs,
    /// When files were uploaded, by their hash, as an earlier lock has it: indexes move their times.
    pub times: Arc<BTreeMap<Sha256, Upload>>,
}

/// Cut-offs: for all, for the files of single sources, for single packages. A later one counts before an earlier one.
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
    /// For CPython `python` on linux x86_64.
    pub fn new(python: Version, glibc: GlibcVersion, cuda: CudaTag) -> Self {
        let part = |at: usize| python.release().get(at).copied().unwrap_or_default();
        Self {
            tags: TargetTags::new(part(0), part(1), glibc),
            python,
            cuda,
            cut_offs: CutOffs::default(),
            times: Arc::default(),
        }
    }

    /// The same, for what was there before the spec's cut-offs.
    pub fn before(self, spec: &Spec) -> Self {
        Self { cut_offs: CutOffs::new(spec), ..self }
    }

    /// The same, with the times that an earlier lock has for the same bytes.
    pub fn keeping(self, lock: Option<&Lock>) -> Self {
        let upload =
            |p: &Package| Some((p.sha256, Upload { at: p.uploaded?, from: p.uploaded_from? }));
        let times = lock.into_iter().flat_map(|lock| lock.packages.iter().filter_map(upload));
        Self { times: Arc::new(times.collect()), ..self }
    }

    /// Whether a version's local part, if it names a CUDA build, names this target's.
    pub fn accepts_local(&self, version: &Version) -> bool {
        build_of(version).is_none_or(|build| build.parse() == Ok(self.cuda))
    }
}

/// The CUDA build that the local part of a wheel's version states (`+cu130`, `+pt212cu130`, `+cpu`),
/// as text; other accelerators (`+rocm6.4`, `+xpu`) count as builds too. `None`: it states none.
pub fn build_of(version: &Version) -> Option<String> {
    let [LocalSegment::String(first), rest @ ..] = version.local() else { return None };
    let known = |text: &str| {
        let cuda = text.strip_prefix("cu").unwrap_or_default();
        let numbered = !cuda.is_empty() && cuda.bytes().all(|b| b.is_ascii_digit());
        numbered || text == "cpu" || text.starts_with("rocm") || text == "xpu"
    };
    let after_torch =
        first.strip_prefix("pt").map(|t| t.trim_start_matches(|c: char| c.is_ascii_digit()));
    let build = [Some(first.as_str()), after_torch].into_iter().flatten().find(|t| known(t))?;
    // `+cu118.with.pypi.cudnn` is another build than `+cu118`.
    let rest = rest.iter().map(|s| format!(".{s}"));
    Some(build.to_owned() + &rest.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts_name_their_build() {
        for (version, build) in [
            ("2.14.0+cu130", Some("cu130")),
            ("0.9.0+pt214cu130", Some("cu130")),
            ("0.9.0+pt214cpu", Some("cpu")),
            ("2.14.0+cpu", Some("cpu")),
            ("2.9.0+rocm6.4", Some("rocm6.4")),
            ("2.1.0+cu118.with.pypi.cudnn", Some("cu118.with.pypi.cudnn")),
            ("2.14.0", None),
            ("1.0+computecanada", None),
            ("1.0+ptx", None),
            ("1.0+5", None),
        ] {
            assert_eq!(build_of(&version.parse().unwrap()).as_deref(), build, "{version}");
        }
    }
}
