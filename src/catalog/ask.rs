//! The only way the solver sees the world.

use std::sync::Arc;

use pep508_rs::PackageName;

use super::{Candidate, Project};
use crate::cuda::CudaTag;
use crate::python::CoreMetadata;

/// What can be chosen from. Answers must not change during a run; the live one blocks until it has
/// fetched, a test's is a map.
pub trait Catalog {
    /// What the package's sources offer for the target.
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem>;

    /// The metadata of a wheel.
    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem>;

    /// Which CUDA build a wheel of the torch family is, from `version.py` inside it; `None` when it
    /// does not say.
    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem>;
}

/// Why the catalog has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Problem {
    /// No source has this project.
    #[error("{0}")]
    NotFound(String),
    /// This one wheel cannot be used (its metadata is broken or lies); others may.
    #[error("{0}")]
    Unusable(String),
    /// The edge failed; there is no point in going on. The edge keeps the cause for the report.
    #[error("{0}")]
    Stop(String),
}
