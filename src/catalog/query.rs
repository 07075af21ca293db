//! The only interface between the solver and the indexes.

use std::sync::Arc;

use pep508_rs::PackageName;

use super::{Candidate, Project};
use crate::cuda::CudaTag;
use crate::python::CoreMetadata;

/// The candidates of every project. Results must not change during a run. The implementation over indexes blocks until it
/// has them; the one for tests is a map.
pub trait Catalog {
    /// The project, from the first of its sources that has it.
    ///
    /// # Errors
    /// [`Problem::NotFound`], [`Problem::Stop`].
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem>;

    /// The metadata of a wheel.
    ///
    /// # Errors
    /// [`Problem::Unusable`], [`Problem::Stop`].
    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem>;

    /// The CUDA build of a wheel of the torch family, from its `version.py`; `None` where that does not say.
    ///
    /// # Errors
    /// [`Problem::Unusable`], [`Problem::Stop`].
    fn cuda_build(&self, candidate: &Candidate) -> Result<Option<CudaTag>, Problem>;
}

/// Why the catalog has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Problem {
    /// No source has this project.
    #[error("{0}")]
    NotFound(String),
    /// This wheel cannot be used (its metadata is broken or wrong); others may be.
    #[error("{0}")]
    Unusable(String),
    /// A request failed, and the run cannot go on. The implementation keeps the cause for the report.
    #[error("{0}")]
    Stop(String),
}
