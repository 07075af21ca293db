//! A set that a run of the solver found.

use std::collections::BTreeMap;
use std::sync::Arc;

use pep440_rs::Version;
use pep508_rs::{ExtraName, PackageName};

use super::provider::Provider;
use crate::catalog::Candidate;
use crate::python::CoreMetadata;

/// A distribution at the version the solver settled on.
pub(super) struct Settled {
    pub candidate: Candidate,
    pub metadata: Arc<CoreMetadata>,
    pub extras: Vec<ExtraName>,
}

/// A set, and how it was found.
pub(super) struct Found<'a> {
    pub provider: Provider<'a>,
    pub settled: BTreeMap<PackageName, Settled>,
}

impl Found<'_> {
    /// The chosen version.
    pub(super) fn version(&self, name: &PackageName) -> Option<&Version> {
        self.settled.get(name).map(|settled| &settled.candidate.version)
    }
}
