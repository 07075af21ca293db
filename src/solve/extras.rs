//! Extras of requirements must exist. A version without the extra does not satisfy a requirement: else an old version
//! that never had it would be chosen silently. A missing extra in a dependency is reported, not refused, as in pip
//! and uv.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerEnvironment, PackageName};

use crate::python::CoreMetadata;
use crate::spec::RequirementSpec;

/// The extras of the requirements.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) requested: BTreeSet<(PackageName, ExtraName)>,
    /// For those that none of the newest versions offers: what is reported.
    pub(super) unknown: RefCell<BTreeMap<(PackageName, ExtraName), Option<String>>>,
    /// The versions that were refused because they lack an extra.
    pub(super) lacking: RefCell<BTreeMap<(PackageName, ExtraName), BTreeSet<Version>>>,
}

impl Extras {
    pub(super) fn of(requirements: &[&RequirementSpec]) -> Self {
        let own = |requirement: &&RequirementSpec| {
            let requirement = &requirement.pep508;
            let name = requirement.name.clone();
            requirement.extras.clone().into_iter().map(move |extra| (name.clone(), extra))
        };
        Extras { requested: requirements.iter().flat_map(own).collect(), ..Extras::default() }
    }
}

/// Whether a distribution offers an extra: it declares it, or has a dependency for it.
pub(super) fn offers(
    metadata: &CoreMetadata,
    extra: &ExtraName,
    environment: &MarkerEnvironment,
) -> bool {
    let with = std::slice::from_ref(extra);
    let needs_more = || {
        metadata
            .requires
            .iter()
            .any(|r| r.evaluate_markers(environment, with) && !r.evaluate_markers(environment, &[]))
    };
    metadata.extras.contains(extra) || needs_more()
}
