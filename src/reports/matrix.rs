//! `envlock matrix --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::cuda::CudaTag;
use crate::matrix::Table;

/// Which torch goes with what.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Matrix<'a> {
    /// The form of this report.
    pub version: Version,
    /// What everything must be built for.
    pub cuda: CudaTag,
    /// One a Python, in the order asked for.
    pub tables: &'a [Table],
}

impl Report for Matrix<'_> {
    const COMMAND: &'static str = "matrix";
}
