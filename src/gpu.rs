//! Which GPUs code was built for: compute capabilities as NVIDIA counts them, and the architectures
//! that a torch wheel names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A compute capability, NVIDIA's measure of what a GPU can do: `9.0` for an H100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ComputeCapability {
    /// 9 in 9.0; code for one major version never runs on another.
    pub major: u16,
    /// 0 in 9.0.
    pub minor: u16,
}

/// What code was built for: `sm_90`, `sm_90a`, `compute_90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Arch {
    /// Of the GPU it was compiled for.
    pub capability: ComputeCapability,
    /// Which others run it.
    pub reach: Reach,
}

/// Which GPUs run the code of an architecture, from the CUDA C++ programming guide, "Compute Capability".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// `sm_90`: of the same major version, from this minor version on.
    Major,
    /// `sm_100f`: of the same family; here, as with `sm_100`.
    Family,
    /// `sm_90a`: this one alone.
    Exact,
    /// `compute_90`: this and every later one, compiled when it is loaded.
    Later,
}

/// Text that is not a compute capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a compute capability such as 9.0; `nvidia-smi --query-gpu=name,compute_cap --format=csv` shows a GPU's"
)]
pub struct BadCapability(String);

/// Text that is not an architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a GPU architecture such as sm_90")]
pub struct BadArch(String);

impl Arch {
    /// Whether a GPU of this capability runs it.
    pub fn runs_on(self, gpu: ComputeCapability) -> bool {
        let built = self.capability;
        match self.reach {
            Reach::Exact => gpu == built,
            Reach::Later => gpu >= built,
            Reach::Major | Reach::Family => gpu.major == built.major && gpu.minor >= built.minor,
        }
    }
}

/// The list in a piece of a program: text between two zero bytes that is nothing but architectures,
/// as torch has it for `torch.cuda.get_arch_list()`.
pub fn arch_list(bytes: &[u8]) -> Option<Vec<Arch>> {
    memchr::memmem::find_iter(bytes, b"sm_").find_map(|at| {
        let start = memchr::memrchr(0, &bytes[..at])? + 1;
        let end = at + memchr::memchr(0, &bytes[at..])?;
        let text = std::str::from_utf8(&bytes[start..end]).ok()?;
        let list: Option<Vec<Arch>> = text.split(' ').map(|word| word.parse().ok()).collect();
        // A single name may well be something else.
        list.filter(|list| list.len() > 1)
    })
}

impl FromStr for ComputeCapability {
    type Err = BadCapability;
    fn from_str(text: &str) -> Result<Self, BadCapability> {
        let is_number = |t: &str| t.len() <= 2 && t.bytes().all(|b| b.is_ascii_digit());
        let number = |text: &str| text.parse().ok().filter(|_| is_number(text));
        let parts = text.split_once('.').and_then(|(a, b)| Some((number(a)?, number(b)?)));
        let (major, minor) = parts.ok_or_else(|| BadCapability(text.to_owned()))?;
        Ok(Self { major, minor })
    }
}

impl FromStr for Arch {
    type Err = BadArch;
    fn from_str(text: &str) -> Result<Self, BadArch> {
        let bad = || BadArch(text.to_owned());
        let (digits, reach) = match (text.strip_prefix("sm_"), text.strip_prefix("compute_")) {
            (Some(rest), _) => match (rest.strip_suffix('a'), rest.strip_suffix('f')) {
                (Some(digits), _) => (digits, Reach::Exact),
                (_, Some(digits)) => (digits, Reach::Family),
                _ => (rest, Reach::Major),
            },
            (_, Some(digits)) => (digits, Reach::Later),
            _ => return Err(bad()),
        };
        if !(2..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let (major, minor) = digits.split_at(digits.len() - 1);
        let number = |text: &str| text.parse().map_err(|_| bad());
        let capability = ComputeCapability { major: number(major)?, minor: number(minor)? };
        Ok(Self { capability, reach })
    }
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = match self.reach {
            Reach::Major => ("sm", ""),
            Reach::Family => ("sm", "f"),
            Reach::Exact => ("sm", "a"),
            Reach::Later => ("compute", ""),
        };
        let ComputeCapability { major, minor } = self.capability;
        write!(f, "{before}_{major}{minor}{after}")
    }
}

impl From<ComputeCapability> for String {
    fn from(value: ComputeCapability) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for ComputeCapability {
    type Error = BadCapability;
    fn try_from(text: String) -> Result<Self, BadCapability> {
        text.parse()
    }
}
impl From<Arch> for String {
    fn from(value: Arch) -> String {
        value.to_string()
    }
}
impl TryFrom<String> for Arch {
    type Error = BadArch;
    fn try_from(text: String) -> Result<Self, BadArch> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_runs_where_cuda_says() {
        let runs =
            |arch: &str, gpu: &str| arch.parse::<Arch>().unwrap().runs_on(gpu.parse().unwrap());
        assert!(runs("sm_80", "8.0") && runs("sm_80", "8.9") && !runs("sm_86", "8.0"));
        assert!(!runs("sm_80", "9.0") && !runs("sm_90", "8.9"));
        assert!(runs("sm_90a", "9.0") && !runs("sm_100a", "10.3") && runs("sm_100f", "10.3"));
        assert!(runs("compute_75", "12.1") && !runs("compute_75", "7.0"));
        for text in ["sm_90", "sm_90a", "sm_100f", "compute_120"] {
            assert_eq!(text.parse::<Arch>().unwrap().to_string(), text);
        }
        for text in ["", "sm_", "sm_9", "sm_9x", "sm_1200", "gfx942", "compute_90a"] {
            assert!(text.parse::<Arch>().is_err(), "{text}");
        }
        for text in ["", "9", "sm_90", "9.0.1", "H100", "-1.0", "+9.0"] {
            assert!(text.parse::<ComputeCapability>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_list_is_found_between_zeros() {
        let list = |bytes: &[u8]| {
            arch_list(bytes).map(|l| l.iter().map(Arch::to_string).collect::<Vec<_>>().join(" "))
        };
        let program =
            b"\x7fELF sm_70 is old\0\0sm_90\0torch sm_75 sm_80\0sm_75 sm_80 compute_80\0rest sm_";
        assert_eq!(list(program).as_deref(), Some("sm_75 sm_80 compute_80"));
        assert_eq!(list(b"sm_75 sm_80"), None);
        assert_eq!(list(b"\0sm_75 sm_8\0"), None);
    }
}
