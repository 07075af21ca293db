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
    fn other_text_is_refused() {
        for text in ["", "cu", "cu1", "cuda13", "cu13.0", "cu13000", "rocm6.4"] {
            assert!(text.parse::<CudaTag>().is_err(), "{text}");
        }
    }
}
