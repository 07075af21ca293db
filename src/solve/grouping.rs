//! Dependents of each distribution, and the group that ships it: a distribution belongs to the first group, in the
//! spec's order, that needs it.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::{MarkerEnvironment, PackageName};

use super::found::Settled;
use crate::spec::{GroupName, RequirementSpec, Spec};

/// The edges of a solution.
pub struct Graph {
    /// Distribution → its group.
    pub groups: BTreeMap<PackageName, GroupName>,
    /// Distribution → its dependents.
    pub required_by: BTreeMap<PackageName, BTreeSet<PackageName>>,
    /// Distribution → the requirements that name it.
    pub requested: BTreeMap<PackageName, Vec<String>>,
}

impl Graph {
    pub(super) fn new(
        spec: &Spec,
        environment: &MarkerEnvironment,
        settled: &BTreeMap<PackageName, Settled>,
        left_out: &[&RequirementSpec],
    ) -> Self {
        let needs: BTreeMap<&PackageName, BTreeSet<&PackageName>> = settled
            .iter()
            .map(|(name, s)| {
                let active = s
                    .metadata
                    .requires
                    .iter()
                    .filter(|r| r.evaluate_markers(environment, &s.extras));
                (
                    name,
                    active
                        .map(|r| &r.name)
                        .filter(|n| settled.contains_key(*n) && *n != name)
                        .collect(),
                )
            })
            .collect();
        let mut required_by: BTreeMap<PackageName, BTreeSet<PackageName>> = BTreeMap::new();
        for (name, needed) in &needs {
            for other in needed {
                required_by.entry((*other).clone()).or_default().insert((*name).clone());
            }
        }
        let mut requested: BTreeMap<PackageName, Vec<String>> = BTreeMap::new();
        let mut groups = BTreeMap::new();
        for (group, requirement) in spec.requirements() {
            let active = requirement.pep508.evaluate_markers(environment, &[]);
            if !active || left_out.iter().any(|out| std::ptr::eq(*out, requirement)) {
                continue;
            }
            let name = &requirement.pep508.name;
            requested.entry(name.clone()).or_default().push(requirement.written());
            let mut open = vec![name];
            while let Some(name) = open.pop() {
                if groups.contains_key(name) {
                    continue;
                }
                groups.insert(name.clone(), group.clone());
                open.extend(needs.get(name).into_iter().flatten());
            }
        }
        Graph { groups, required_by, requested }
    }
}
