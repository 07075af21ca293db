//! The torch family: which distributions it is, and which torch another wheel was built for.

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::PackageName;

use crate::built_for::BuiltFor;
use crate::cuda::CudaTag;

/// Whether a distribution is one of PyTorch's: its local version or its `version.py` states its CUDA build.
pub fn is_torch_family(name: &PackageName) -> bool {
    matches!(name.as_ref(), "torch" | "torchvision" | "torchaudio")
}

/// The torch release line a wheel was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorchAbi {
    /// 2 in 2.14.
    pub major: u64,
    /// 14 in 2.14.
    pub minor: u64,
}

impl TorchAbi {
    /// From `+pt214cu130`, `+cu12torch2.8cxx11abiTRUE` and their like; `None` for any other version.
    pub fn of(version: &Version) -> Option<Self> {
        BuiltFor::of(version).torch.map(|(major, minor)| Self { major, minor })
    }

    /// `==2.14.*`
    pub fn torch_requirement(&self) -> VersionSpecifiers {
        let line = Version::new([self.major, self.minor]);
        VersionSpecifiers::from(VersionSpecifier::equals_star_version(line))
    }
}

/// The CUDA tag in a local version, `2.14.1+cu130` → `cu130`.
pub fn local_cuda(version: &Version) -> Option<CudaTag> {
    BuiltFor::of(version).accelerator?.tag()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pyg_wheel_names_its_torch() {
        let abi = |text: &str| TorchAbi::of(&text.parse().unwrap());
        assert_eq!(abi("0.9.0+pt214cu130"), Some(TorchAbi { major: 2, minor: 14 }));
        assert_eq!(abi("2.1.2+pt28cpu"), Some(TorchAbi { major: 2, minor: 8 }));
        assert_eq!(abi("2.1.2+pt28cpu").unwrap().torch_requirement().to_string(), "==2.8.*");
        for other in ["2.14.1+cu130", "1.0", "1.0+pt", "1.0+pt2cu130"] {
            assert_eq!(abi(other), None, "{other}");
        }
    }

    #[test]
    fn a_local_version_states_a_cuda_build() {
        assert_eq!(local_cuda(&"2.15.0+cu130".parse().unwrap()), "cu130".parse().ok());
        assert_eq!(local_cuda(&"2.15.0".parse().unwrap()), None);
    }
}
