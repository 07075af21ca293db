//! The input that all runs of pubgrub for one answer share, and the bounds of a single run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};

use super::decided::Decided;
use crate::spec::{RequirementSpec, Spec};

/// Requirements and what they can be chosen from.
#[derive(Clone)]
pub(super) struct Question<'a> {
    pub spec: &'a Spec,
    pub environment: &'a MarkerEnvironment,
    pub catalog: &'a Decided<'a>,
    pub kept: &'a BTreeMap<PackageName, Version>,
    pub refused: Refusals,
}

/// The bounds of a run of the solver.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// The oldest version that a distribution may have.
    pub floors: Floors,
    /// Steps after which it gives up.
    pub limit: Option<usize>,
    /// Whether pre-releases may be taken of everything without a final version.
    pub prereleases: bool,
}

/// Oldest versions.
pub(super) type Floors = BTreeMap<PackageName, Version>;

/// Why a version, or (without one) a whole distribution, cannot be used, whatever else is in the set.
pub(super) type Refusals = Rc<RefCell<BTreeMap<(PackageName, Option<Version>), String>>>;

impl<'a> Question<'a> {
    /// The requirements that must be met.
    pub fn required(&self) -> Vec<&'a RequirementSpec> {
        let all = self.spec.requirements().map(|(_, requirement)| requirement);
        all.filter(|requirement| !requirement.optional).collect()
    }
}
