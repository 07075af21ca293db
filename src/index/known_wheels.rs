//! What was read of single wheels so far.

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
    /// Of an earlier lock, by the hash of the bytes.
    pub(super) locked: HashMap<Sha256, Locked>,
}

impl Wheels {
    /// With what an earlier lock has, by the hash of the bytes it is true of.
    pub fn knowing(locked: HashMap<Sha256, Locked>) -> Self {
        Self { locked, ..Self::default() }
    }
}

/// What was read of one wheel; valid as long as its page says the same of it.
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

/// What an earlier lock says of a wheel's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Locked {
    /// Bytes of the wheel.
    pub size: u64,
    /// Bytes of the files in it.
    pub unpacked_size: u64,
    /// What it was built for; only for what declares a CUDA build.
    pub build: Option<CudaTag>,
}
