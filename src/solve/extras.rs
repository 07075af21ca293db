//! Extras that are asked for are had. A version without the extra is none for a requirement: it would be an old version that
//! looks as if everything went well. What others need with an extra that is not there is told, not refused; pip and uv
//! do the same.

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
    /// For those that none of the newest versions offers: what is told.
    pub(super) unknown: RefCell<BTreeMap<(PackageName, ExtraName), Option<String>>>,
    /// The versions that were passed over for want of an extra.
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

/// Whether a distribution offers an extra: it says so, or it needs something for it.
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
