//! CUDA tags and lines: `cu130` as wheel indexes write it, `13.0` as people and drivers do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The tag of a wheel index or local version: `cu130`, or `cpu` for builds without CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum CudaTag {
    /// No CUDA at all.
    Cpu,
    /// Built for this CUDA line.
    Cuda(CudaLine),
}

/// A CUDA release line, `major.minor`. Libraries of one line work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CudaLine {
    /// The major version, 13 in 13.0.
    pub major: u16,
    /// The minor version, 0 in 13.0.
    pub minor: u16,
}

/// Text that is neither a CUDA tag nor a CUDA line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a CUDA tag such as cu130, cu128 or cpu")]
pub struct BadCuda(pub String);

impl CudaTag {
    /// The CUDA line, if the tag names one.
    pub fn line(self) -> Option<CudaLine> {
        match self {
            CudaTag::Cpu => None,
            CudaTag::Cuda(line) => Some(line),
        }
    }
}

impl CudaLine {
    /// The oldest Linux driver branch that runs this line, from NVIDIA's CUDA compatibility table
    /// (minor version compatibility: the branch that came with the major's first release).
    pub fn min_driver(self) -> Option<u32> {
        match self.major {
            13 => Some(580),
            12 => Some(525),
            11 => Some(450),
            _ => None,
        }
    }
}

/// The version of an NVIDIA driver, `580.95.05`, or only its branch, `580`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverVersion {
    branch: u32,
    text: String,
}

/// Text that is not a driver's version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the version of an NVIDIA driver, such as 580 or 580.95.05")]
pub struct BadDriver(String);

impl DriverVersion {
    /// From `/proc/driver/nvidia/version`: `NVRM version: … Kernel Module …  580.95.05  …`.
    pub fn of_kernel_module(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
        line.split_whitespace().find_map(|word| word.contains('.').then(|| word.parse().ok())?)
    }
}

impl FromStr for DriverVersion {
    type Err = BadDriver;
    fn from_str(text: &str) -> Result<Self, BadDriver> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        match parts.as_deref() {
            // The branches that are still of use have three digits.
            Some(&[branch @ 100..1000, ..]) => Ok(Self { branch, text: text.to_owned() }),
            _ => Err(BadDriver(text.to_owned())),
        }
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CudaTag {
    /// The driver branch that is needed, when `driver` is older.
    pub fn too_old(self, driver: &DriverVersion) -> Option<u32> {
        self.line()?.min_driver().filter(|need| driver.branch < *need)
    }
}

impl FromStr for CudaTag {
    type Err = BadCuda;
    fn from_str(text: &str) -> Result<Self, BadCuda> {
        let bad = || BadCuda(text.to_owned());
        if text == "cpu" {
            return Ok(CudaTag::Cpu);
        }
        let digits = text.strip_prefix("cu").ok_or_else(bad)?;
        if !(2..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let (major, minor) = digits.split_at(digits.len() - 1);
        Ok(CudaTag::Cuda(CudaLine {
            major: major.parse().map_err(|_| bad())?,
            minor: minor.parse().map_err(|_| bad())?,
        }))
    }
}

impl FromStr for CudaLine {
    type Err = BadCuda;
    fn from_str(text: &str) -> Result<Self, BadCuda> {
        let bad = || BadCuda(text.to_owned());
        let mut parts = text.split('.');
        let mut number = || parts.next().and_then(|p| p.parse().ok()).ok_or_else(bad);
        Ok(CudaLine { major: number()?, minor: number()? })
    }
}

impl fmt::Display for CudaTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CudaTag::Cpu => f.write_str("cpu"),
            CudaTag::Cuda(line) => write!(f, "cu{}{}", line.major, line.minor),
        }
    }
}

impl fmt::Display for CudaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl From<CudaTag> for String {
    fn from(value: CudaTag) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for CudaTag {
    type Error = BadCuda;
    fn try_from(text: String) -> Result<Self, BadCuda> {
        text.parse()
    }
}
impl From<CudaLine> for String {
    fn from(value: CudaLine) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for CudaLine {
    type Error = BadCuda;
    fn try_from(text: String) -> Result<Self, BadCuda> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_lines_round_trip() {
        for (tag, line) in [("cu130", "13.0"), ("cu118", "11.8"), ("cu92", "9.2")] {
            let parsed: CudaTag = tag.parse().unwrap();
            assert_eq!(parsed.to_string(), tag);
            assert_eq!(parsed.line().unwrap().to_string(), line);
            assert_eq!(line.parse::<CudaLine>().ok(), parsed.line());
        }
        assert_eq!("cpu".parse::<CudaTag>().unwrap().line(), None);
    }

    #[test]
    fn a_driver_is_compared_by_its_branch() {
        let needs = |tag: &str, driver: &str| {
            tag.parse::<CudaTag>().unwrap().too_old(&driver.parse().unwrap())
        };
        assert_eq!(needs("cu130", "570"), Some(580));
        assert_eq!(needs("cu130", "580.65.06"), None);
        assert_eq!(needs("cu128", "570.133.20"), None);
        assert_eq!(needs("cpu", "470"), None);
        for text in ["", "13.0", "580x", "new", "5800"] {
            assert!(text.parse::<DriverVersion>().is_err(), "{text}");
        }
        let old = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\n";
        assert_eq!(DriverVersion::of_kernel_module(old).unwrap().to_string(), "535.54.03");
        assert_eq!(DriverVersion::of_kernel_module("GCC version: 13.3.0"), None);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "cu", "cu1", "cuda13", "cu13.0", "cu13000", "rocm6.4"] {
            assert!(text.parse::<CudaTag>().is_err(), "{text}");
        }
    }
}
