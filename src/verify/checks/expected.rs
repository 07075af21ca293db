//! The expected content of an image, from its lock.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::cuda::CudaLine;
use crate::gpu::{Arch, ComputeCapability};
use crate::lock::Lock;
use crate::spec::{ByteSize, GroupName};

/// Distributions and the modules that are imported of them, in this order: each after what it builds on.
pub const MODULES: [(&str, &str); 10] = [
    ("torch", "torch"),
    ("torchvision", "torchvision"),
    ("pyg-lib", "pyg_lib"),
    ("torch-scatter", "torch_scatter"),
    ("torch-sparse", "torch_sparse"),
    ("torch-cluster", "torch_cluster"),
    ("torch-spline-conv", "torch_spline_conv"),
    ("torch-geometric", "torch_geometric"),
    ("ray", "ray"),
    ("marimo", "marimo"),
];

/// The expected content of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The interpreter, to the patch.
    pub python: Version,
    /// Every distribution.
    pub packages: BTreeMap<PackageName, Version>,
    /// The CUDA line torch is built for; `None`: without CUDA.
    pub cuda_line: Option<CudaLine>,
    /// What torch has code for; empty: the lock does not say.
    pub arch_list: Vec<Arch>,
    /// The GPUs the spec names.
    pub gpus: Vec<ComputeCapability>,
    /// The limit of its size on a disk.
    pub max_size: Option<ByteSize>,
}

impl Expected {
    /// The expected content of an image with these groups.
    pub fn of(
        lock: &Lock,
        groups: &[GroupName],
        gpus: &[ComputeCapability],
        max_size: Option<ByteSize>,
    ) -> Self {
        let inside = lock.packages.iter().filter(|package| groups.contains(&package.group));
        Expected {
            python: lock.python.version.clone(),
            packages: inside.map(|p| (p.name.clone(), p.version.clone())).collect(),
            cuda_line: lock.target.cuda_line,
            arch_list: lock.target.arch_list.clone(),
            gpus: gpus.to_vec(),
            max_size,
        }
    }

    /// The locked version of a distribution, by its normalized name.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.packages.iter().find(|(known, _)| known.as_ref() == name).map(|(_, version)| version)
    }

    /// Whether a distribution is locked.
    pub fn has(&self, name: &str) -> bool {
        self.version(name).is_some()
    }

    /// The modules to import.
    pub fn modules(&self) -> Vec<&'static str> {
        let locked = MODULES.iter().filter(|(distribution, _)| self.has(distribution));
        locked.map(|(_, module)| *module).collect()
    }

    /// Whether Ray's dashboard is in it, `ray[default]`.
    pub fn has_dashboard(&self) -> bool {
        self.has("ray") && self.has("aiohttp-cors")
    }

    /// Whether Ray's client is in it, `ray[client]`.
    pub fn has_client(&self) -> bool {
        self.has("ray") && self.has("grpcio")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The expected content with these distributions, `NAME VERSION` each.
    pub(in super::super) fn expected(packages: &[&str]) -> Expected {
        let package = |text: &&str| {
            let (name, version) = text.split_once(' ').unwrap();
            (name.parse().unwrap(), version.parse().unwrap())
        };
        Expected {
            python: "3.14.2".parse().unwrap(),
            packages: packages.iter().map(package).collect(),
            cuda_line: Some("13.0".parse().unwrap()),
            arch_list: vec![],
            gpus: vec![],
            max_size: None,
        }
    }

    #[test]
    fn an_image_holds_the_packages_of_its_groups_and_no_others() {
        let lock = crate::lock::sample();
        let groups = |names: &[&str]| -> Vec<GroupName> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let all =
            Expected::of(&lock, &groups(&["python", "torch", "pyg", "ray", "marimo"]), &[], None);
        assert_eq!(all.packages.len(), lock.packages.len());
        let torch = Expected::of(&lock, &groups(&["torch"]), &[], None);
        assert!(torch.has("torch") && !torch.has("marimo"));
        assert_eq!(
            torch.version("torch"),
            lock.package(&"torch".parse().unwrap()).map(|p| &p.version)
        );
    }

    #[test]
    fn what_is_locked_is_imported_by_its_own_name_after_what_it_needs() {
        let found = expected(&["marimo 1", "torch-geometric 2", "torch 2", "numpy 2"]).modules();
        assert_eq!(found, ["torch", "torch_geometric", "marimo"]);
        let ray = expected(&["ray 2"]);
        assert!(!ray.has_dashboard() && !ray.has_client());
        assert!(expected(&["ray 2", "grpcio 1"]).has_client());
    }
}
