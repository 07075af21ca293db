//! What candidates are chosen for.

use jiff::Timestamp;
use pep440_rs::{LocalSegment, Version};

use crate::cuda::CudaTag;
use crate::python::TargetTags;
use crate::spec::GlibcVersion;

/// The interpreter, C library and CUDA build everything must fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The full version, `3.14.2`: Requires-Python may exclude a patch release.
    pub python: Version,
    /// Which wheels run.
    pub tags: TargetTags,
    /// Which builds are wanted where an index has several.
    pub cuda: CudaTag,
    /// Files from this moment on do not count.
    pub cut_off: Option<Timestamp>,
}

impl Target {
    /// For CPython `python` on linux x86_64.
    pub fn new(python: Version, glibc: GlibcVersion, cuda: CudaTag) -> Self {
        let part = |at: usize| python.release().get(at).copied().unwrap_or_default();
        Self { tags: TargetTags::new(part(0), part(1), glibc), python, cuda, cut_off: None }
    }

    /// The same, for what was there before this moment.
    pub fn before(self, cut_off: Option<Timestamp>) -> Self {
        Self { cut_off, ..self }
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
