//! The facts of single wheels that were read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use url::Url;

use super::once_map::OnceMap;
use super::range::RemoteWheel;
use crate::catalog::WheelFacts;
use crate::cuda::CudaTag;
use crate::digest::Sha256;
use crate::gpu::Arch;
use crate::python::CoreMetadata;

/// The wheels that were read so far, by their URL.
#[derive(Default)]
pub(super) struct Wheels {
    pub(super) metadata: OnceMap<Url, Arc<CoreMetadata>>,
    pub(super) remote: OnceMap<Url, Arc<RemoteWheel>>,
    pub(super) facts: OnceMap<Url, WheelFacts>,
    pub(super) seen: Mutex<HashMap<Url, Seen>>,
    /// Facts of an earlier lock, by the hash of the bytes.
    pub(super) locked: HashMap<Sha256, Locked>,
}

impl Wheels {
    /// With the facts of an earlier lock, by the hash of the wheel.
    pub fn knowing(locked: HashMap<Sha256, Locked>) -> Self {
        Self { locked, ..Self::default() }
    }
}

/// The facts of one wheel; valid as long as its page states the same of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The head of its METADATA.
    pub(super) metadata: Option<String>,
    /// Bytes, packed and unpacked.
    pub(super) sizes: Option<(u64, u64)>,
    /// The CUDA build in its version.py, where that was read.
    pub(super) build: Option<Option<CudaTag>>,
    /// The GPUs it has code for, where that was read.
    pub(super) arch_list: Option<Option<Vec<Arch>>>,
    /// Of all its bytes, where the page has no hash.
    pub(super) sha256: Option<Sha256>,
}

/// The facts of a wheel in an earlier lock.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked_size: u64,
    /// What it was built for; only for wheels that declare a CUDA build.
    pub build: Option<CudaTag>,
}
