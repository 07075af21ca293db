//! What a wheel was built for, as the local part of its version says: `+cu130`, `+pt214cu130`, `+cu130torch214`,
//! `+cu12torch2.8cxx11abiTRUE`, `+cuda12.cudnn89`. There is no standard for it; these are the forms that PyTorch, PyG,
//! flash-attn, cuda-wheels and jaxlib use.

use std::fmt;
use std::sync::LazyLock;

use pep440_rs::Version;
use regex::Regex;

use crate::cuda::{CudaLine, CudaTag};

/// What a local version states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuiltFor {
    /// The accelerator; `None`: it names none.
    pub accelerator: Option<Accelerator>,
    /// The release line of torch, 2 and 14 for 2.14.
    pub torch: Option<(u64, u64)>,
}

/// The hardware that code in a wheel runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accelerator {
    /// Any processor.
    Cpu,
    /// CUDA of this line.
    Cuda(CudaLine),
    /// CUDA of this major, `cu12`.
    CudaMajor(u16),
    /// `rocm6.4`, `xpu`, `cu118.with.pypi.cudnn`: another build than any of a CUDA tag.
    Other(String),
    /// It begins with `cu` and is none of these: ambiguous.
    Unclear(String),
}

impl Accelerator {
    /// Whether it runs on `target`.
    pub fn fits(&self, target: CudaTag) -> bool {
        match (self, target) {
            (Accelerator::Cpu, CudaTag::Cpu) => true,
            (Accelerator::Cuda(line), CudaTag::Cuda(target)) => *line == target,
            (Accelerator::CudaMajor(major), CudaTag::Cuda(target)) => *major == target.major,
            _ => false,
        }
    }

    /// The CUDA tag of a wheel index, where it is one.
    pub fn tag(&self) -> Option<CudaTag> {
        match self {
            Accelerator::Cpu => Some(CudaTag::Cpu),
            Accelerator::Cuda(line) => Some(CudaTag::Cuda(*line)),
            _ => None,
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Accelerator::Cpu => f.write_str("cpu"),
            Accelerator::Cuda(line) => write!(f, "{}", CudaTag::Cuda(*line)),
            Accelerator::CudaMajor(major) => write!(f, "cu{major}"),
            Accelerator::Other(text) | Accelerator::Unclear(text) => f.write_str(text),
        }
    }
}

impl BuiltFor {
    /// Reads the local part of a version, which PEP 440 has normalized to lower case.
    pub fn of(version: &Version) -> Self {
        if version.local().is_empty() {
            return Self::default();
        }
        let segments: Vec<_> = version.local().iter().map(ToString::to_string).collect();
        let text = segments.join(".");
        Self { accelerator: accelerator(&text), torch: torch(&text) }
    }
}

/// A pattern that begins a word, or follows a number: `pt214cu130` has two.
macro_rules! pattern {
    ($text:literal) => {{
        static PATTERN: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(concat!("(?:^|[^a-z])", $text)).expect("a fixed pattern"));
        &*PATTERN
    }};
}

fn accelerator(text: &str) -> Option<Accelerator> {
    if text.split('.').any(|word| word == "with") {
        return Some(Accelerator::Other(text.to_owned()));
    }
    if let Some(found) = pattern!(r"cu(?:da)?(\d{1,4})(?:\.(\d{1,2})(?:$|[^\d]))?").captures(text) {
        let minor = found.get(2).and_then(|minor| minor.as_str().parse().ok());
        let read = cuda(&found[1], minor);
        return Some(read.unwrap_or_else(|| Accelerator::Unclear(text.to_owned())));
    }
    if pattern!(r"cpu(?:$|[^a-z])").is_match(text) {
        return Some(Accelerator::Cpu);
    }
    if let Some(other) = pattern!(r"((?:rocm|xpu|hip)[\d.]*)").captures(text) {
        return Some(Accelerator::Other(other[1].trim_end_matches('.').to_owned()));
    }
    text.starts_with("cu").then(|| Accelerator::Unclear(text.to_owned()))
}

/// `130` is 13.0, `92` is 9.2, `12` is a major: CUDA 1.2 never had wheels.
fn cuda(digits: &str, minor: Option<u16>) -> Option<Accelerator> {
    let number: u16 = digits.parse().ok()?;
    match (number, minor) {
        (10..50, Some(minor)) => Some(Accelerator::Cuda(CudaLine { major: number, minor })),
        (10..50, None) => Some(Accelerator::CudaMajor(number)),
        (50..1000, _) => {
            Some(Accelerator::Cuda(CudaLine { major: number / 10, minor: number % 10 }))
        }
        _ => None,
    }
}

/// `torch2.8`, `torch214`, `torch280`, `pt214`, `pt2.5.1`.
fn torch(text: &str) -> Option<(u64, u64)> {
    let found = pattern!(r"(torch|pt)(\d+)(?:\.(\d+))?").captures(text)?;
    let digits = &found[2];
    if let Some(minor) = found.get(3).and_then(|minor| minor.as_str().parse().ok()) {
        return Some((digits.parse().ok()?, minor));
    }
    let (major, rest) = digits.split_at_checked(1)?;
    let minor: u64 = match rest.len() {
        1 => rest.parse().ok()?,
        // Two digits are a minor version to PyG. Others write 2.8.0 as 280 and 2.14 as 214; 2.20 does not exist yet.
        2 if &found[1] == "pt" || rest < "20" => rest.parse().ok()?,
        2 => rest[..1].parse().ok()?,
        3 => rest[..2].parse().ok()?,
        _ => return None,
    };
    Some((major.parse().ok()?, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &str) -> (Option<String>, Option<(u64, u64)>) {
        let built = BuiltFor::of(&version.parse().unwrap());
        (built.accelerator.map(|a| a.to_string()), built.torch)
    }

    #[test]
    fn every_form_in_use_is_read() {
        for (version, accelerator, torch) in [
            ("2.14.0", None, None),
            ("2.14.0+cu130", Some("cu130"), None),
            ("2.14.0+cpu", Some("cpu"), None),
            ("2.9.0+rocm6.4", Some("rocm6.4"), None),
            ("2.9.0+xpu", Some("xpu"), None),
            ("0.9.0+pt214cu130", Some("cu130"), Some((2, 14))),
            ("2.1.2+pt28cpu", Some("cpu"), Some((2, 8))),
            ("2.1.2+pt2.5.1cu124", Some("cu124"), Some((2, 5))),
            ("0.6+fd27788pt2.5.1cu124", Some("cu124"), Some((2, 5))),
            ("2.8.3+cu130torch214", Some("cu130"), Some((2, 14))),
            ("2.8.3+cu128torch2.8", Some("cu128"), Some((2, 8))),
            ("2.8.3+cu12torch2.8cxx11abiTRUE", Some("cu12"), Some((2, 8))),
            ("2.8.3+cu12torch2.10cxx11abiFALSE", Some("cu12"), Some((2, 10))),
            ("0.21.0+torch280cu128", Some("cu128"), Some((2, 8))),
            ("0.21.0+torch2100cu130", Some("cu130"), Some((2, 10))),
            ("2.2.0+cu128torch2.8.0.post3", Some("cu128"), Some((2, 8))),
            ("0.4.21+cuda12.cudnn89", Some("cu12"), None),
            ("1.0+cu12.8", Some("cu128"), None),
            ("1.0+cu12.20260101", Some("cu12"), None),
            ("0.11.1+gabc123.cu129", Some("cu129"), None),
            ("1.7.1+cu92", Some("cu92"), None),
            ("2.1.0+cu118.with.pypi.cudnn", Some("cu118.with.pypi.cudnn"), None),
            ("1.0+computecanada", None, None),
            ("1.0+ptx", None, None),
            ("1.0+5", None, None),
            ("1.0+cufoo", Some("cufoo"), None),
            ("1.0+cu1", Some("cu1"), None),
        ] {
            assert_eq!(of(version), (accelerator.map(str::to_owned), torch), "{version}");
        }
    }

    #[test]
    fn a_major_fits_every_line_of_it_and_nothing_else_fits_by_chance() {
        let fits = |version: &str, target: &str| {
            let built = BuiltFor::of(&version.parse().unwrap()).accelerator.unwrap();
            built.fits(target.parse().unwrap())
        };
        assert!(fits("1+cu12", "cu128") && fits("1+cu12", "cu126") && !fits("1+cu12", "cu130"));
        assert!(fits("1+cu132", "cu132") && !fits("1+cu132", "cu130") && !fits("1+cu130", "cu132"));
        for other in ["1+cufoo", "1+rocm6.4", "1+cpu", "1+cu118.with.pypi.cudnn"] {
            assert!(!fits(other, "cu118"), "{other}");
        }
        assert!(fits("1+cpu", "cpu") && !fits("1+cu12", "cpu"));
    }
}
