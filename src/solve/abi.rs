//! What must match beyond version numbers: PyG wheels and torch, and one CUDA line for everything.
//! The wheels of PyG declare no dependency on torch; their local version `+ptMMNcuXXX` is the only
//! statement of what they were built for. torch on PyPI has no local part; `version.py` inside the
//! wheel names its CUDA build.

use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::built_for::Accelerator;
use crate::cuda::{CudaLine, CudaTag};

/// Why this package, whatever its version, cannot be in an environment of this CUDA tag: its name
/// has another CUDA major (`nvidia-cublas-cu12`, `cupy-cuda12x`).
pub fn foreign_name(name: &PackageName, target: CudaTag) -> Option<String> {
    let required = target.line()?.major;
    let major = name_cuda_major(name.as_ref())?;
    (major != required)
        .then(|| format!("{name} is for CUDA {major}, and everything here must be for {target}"))
}

/// The name of the same distribution for the target's CUDA: `cupy-cuda13x` of `cupy-cuda12x`. `None`: the name
/// has no other CUDA version. Whether there is such a distribution is not known here.
pub fn same_for(name: &PackageName, target: CudaTag) -> Option<PackageName> {
    foreign_name(name, target)?;
    let line = target.line()?;
    let parts = name.as_ref().split('-').map(|part| match cuda_major(part) {
        // `cu126` → `cu130`, `cuda12x` → `cuda13x`.
        Some(_) if part.bytes().filter(u8::is_ascii_digit).count() == 3 => {
            format!(
                "{}{}{}",
                part.trim_end_matches(|c: char| c.is_ascii_digit()),
                line.major,
                line.minor
            )
        }
        Some(major) => part.replacen(&major.to_string(), &line.major.to_string(), 1),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("-").parse().ok()
}

/// Why this version cannot be used: the CUDA toolkit's version is its CUDA line.
pub fn foreign_toolkit(name: &PackageName, version: &Version, target: CudaTag) -> Option<String> {
    let required = target.line()?;
    let &[major, minor, ..] = version.release() else { return None };
    let line = CudaLine { major: u16::try_from(major).ok()?, minor: u16::try_from(minor).ok()? };
    (name.as_ref() == "cuda-toolkit" && line != required).then(|| {
        format!("{name} {version} is CUDA {line}, and everything here must be for {target}")
    })
}

/// Why a version whose local part names what it was built for cannot be in an environment for `target`.
pub fn foreign_local(
    name: &PackageName,
    version: &Version,
    built: &Accelerator,
    target: CudaTag,
) -> Option<String> {
    (!built.fits(target)).then(|| format!("{name} {version} is built for {built}, not {target}"))
}

/// Why a wheel built for `found` cannot be in an environment for `target`.
pub fn foreign_build(
    name: &PackageName,
    version: &Version,
    found: Option<CudaTag>,
    target: CudaTag,
) -> Option<String> {
    match found {
        Some(found) if found == target => None,
        Some(found) => Some(format!("{name} {version} is built for {found}, not {target}")),
        None => Some(format!("{name} {version} does not say which CUDA it is built for")),
    }
}

fn name_cuda_major(name: &str) -> Option<u16> {
    name.split('-').find_map(cuda_major)
}

/// 12 of `cu12`, `cu126`, `cuda12x` and `cuda12`.
fn cuda_major(part: &str) -> Option<u16> {
    let digits = part.strip_prefix("cuda").or_else(|| part.strip_prefix("cu"))?;
    let digits = digits.trim_end_matches('x');
    // Three digits are a full tag.
    let major = if digits.len() == 3 { &digits[..2] } else { digits };
    major.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackageName {
        text.parse().unwrap()
    }

    #[test]
    fn names_of_another_cuda_major_are_foreign() {
        let cu130 = "cu130".parse().unwrap();
        for bad in [
            "nvidia-cublas-cu12",
            "cupy-cuda12x",
            "cupy-cuda11x",
            "spconv-cu126",
            "jax-cuda12-plugin",
            "x-cuda128",
            "nvidia-cutlass-dsl-libs-cu12",
        ] {
            assert!(foreign_name(&name(bad), cu130).is_some(), "{bad}");
        }
        for good in [
            "nvidia-cudnn-cu13",
            "cupy-cuda13x",
            "cuda-toolkit",
            "nvidia-cublas",
            "cut-cross-entropy",
            "cubinlinker-cu130",
            "cuda-python",
            "torch",
        ] {
            assert_eq!(foreign_name(&name(good), cu130), None, "{good}");
        }
        assert_eq!(foreign_name(&name("cupy-cuda12x"), CudaTag::Cpu), None);
    }

    #[test]
    fn a_name_for_another_cuda_has_a_sibling_for_this_one() {
        let cu130 = "cu130".parse().unwrap();
        let sibling = |text: &str| same_for(&name(text), cu130).map(|name| name.to_string());
        assert_eq!(sibling("cupy-cuda12x").as_deref(), Some("cupy-cuda13x"));
        assert_eq!(sibling("nvidia-cublas-cu12").as_deref(), Some("nvidia-cublas-cu13"));
        assert_eq!(sibling("spconv-cu126").as_deref(), Some("spconv-cu130"));
        assert_eq!(sibling("cupy-cuda13x"), None);
    }

    #[test]
    fn the_toolkit_is_its_own_cuda_line() {
        let cu130 = "cu130".parse().unwrap();
        let why = |version: &str| {
            foreign_toolkit(&name("cuda-toolkit"), &version.parse().unwrap(), cu130)
        };
        assert_eq!(why("13.0.3.0"), None);
        assert!(why("13.2.2").unwrap().contains("CUDA 13.2"));
    }

    #[test]
    fn a_build_for_another_line_is_foreign() {
        let cu130: CudaTag = "cu130".parse().unwrap();
        let version: Version = "2.15.0+cu130".parse().unwrap();
        assert_eq!(foreign_build(&name("torch"), &version, Some(cu130), cu130), None);
        assert!(foreign_build(&name("torch"), &version, "cu132".parse().ok(), cu130).is_some());
        assert!(foreign_build(&name("torch"), &version, None, cu130).is_some());
    }
}
