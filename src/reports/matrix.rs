//! `envlock matrix --json`

use schemars::JsonSchema;
use serde::Serialize;

use super::{Report, Version};
use crate::cuda::CudaTag;
use crate::matrix::Table;

/// Which torch goes with which other packages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Matrix<'a> {
    /// The form of this report.
    pub version: Version,
    /// What everything must be built for.
    pub cuda: CudaTag,
    /// A table for each Python, in the requested order.
    pub tables: &'a [Table],
}

impl Report for Matrix<'_> {
    const COMMAND: &'static str = "matrix";
}
