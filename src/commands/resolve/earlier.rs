//! What a new lock takes from the present one. Pure.

use std::collections::{BTreeMap, HashMap};

use pep440_rs::Version;
use pep508_rs::PackageName;

use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::index::{Hint, Locked};
use crate::lock::{Lock, Package};
use crate::torch::is_torch_family;

pub(super) type Kept = BTreeMap<PackageName, Version>;

/// The versions that stay where they fit: the old lock's, less what is to be upgraded.
pub(super) fn kept(old: Option<&Lock>, upgrade: Option<&[PackageName]>) -> Kept {
    let stays = |name: &PackageName| match upgrade {
        None => true,
        Some(names) => !names.is_empty() && !names.contains(name),
    };
    let packages = old.into_iter().flat_map(|o| &o.packages).filter(|p| stays(&p.name));
    packages.map(|p| (p.name.clone(), p.version.clone())).collect()
}

/// The old lock's packages, which are likely to be needed again, at their version unless that is to be upgraded.
pub(super) fn hints(old: &Lock, kept: &Kept) -> BTreeMap<PackageName, Hint> {
    let hint = |name| kept.get(name).map_or(Hint::Newest, |version| Hint::Version(version.clone()));
    old.packages.iter().map(|p| (p.name.clone(), hint(&p.name))).collect()
}

/// The old lock's facts of wheels, by their hash.
pub(super) fn locked(old: Option<&Lock>) -> HashMap<Sha256, Locked> {
    let known = |lock: &Lock, package: &Package| {
        let declares_cuda = is_torch_family(&package.name);
        let is_cuda = matches!(lock.target.cuda_tag, CudaTag::Cuda(_));
        Locked {
            size: package.size,
            unpacked_size: package.unpacked_size,
            // A lock has no torch of another build.
            build: (declares_cuda && is_cuda).then_some(lock.target.cuda_tag),
        }
    };
    let packages = old.into_iter().flat_map(|lock| lock.packages.iter().map(move |p| (lock, p)));
    packages.map(|(lock, package)| (package.sha256, known(lock, package))).collect()
}
