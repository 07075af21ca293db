//! Changes of the spec that may give a set: each as a sentence, and as a function of the spec.

use jiff::Timestamp;
use pep508_rs::{ExtraName, PackageName, Requirement, VerbatimUrl};

use crate::cuda::CudaTag;
use crate::spec::{Prereleases, PythonRequest, RequirementSpec, Spec};

/// A change that may help.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advice {
    pub sentence: String,
    pub change: Change,
}

/// A change of the spec.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::solve) enum Change {
    /// Without these requirements.
    Without(Vec<PackageName>),
    /// With this requirement: in place of one for another version, or as a new one.
    Ask(Box<Requirement<VerbatimUrl>>),
    /// Without this extra, or with the other one instead.
    Extra(PackageName, ExtraName, Option<ExtraName>),
    /// In any version.
    Loosen(PackageName),
    /// Another distribution in its place.
    Instead(PackageName, PackageName),
    /// Without constraints on it.
    Unbound(PackageName),
    /// Without denials of it.
    NotDenied(PackageName),
    /// Without overrides of it.
    NotOverridden(PackageName),
    /// With these of its pre-releases.
    Prereleases(PackageName, Prereleases),
    /// Permitted although it is for another CUDA.
    AllowCuda(PackageName),
    /// Another target, whose candidates are not known here.
    Target(TargetChange),
    /// A change that the solver cannot try.
    ByHand,
}

/// A change after which all candidates are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetChange {
    /// `target.cuda`
    Cuda(CudaTag),
    /// `python.version`
    Python(PythonRequest),
    /// `exclude-newer`: past this moment.
    CutOff(Timestamp),
}

impl Change {
    /// The spec after it; `None`: it cannot be tried here.
    pub(in crate::solve) fn of(&self, spec: &Spec) -> Option<Spec> {
        let mut spec = spec.clone();
        let each = |spec: &mut Spec, name: &PackageName, change: &dyn Fn(&mut RequirementSpec)| {
            let all = spec.groups.iter_mut().flat_map(|g| &mut g.requirements);
            all.filter(|r| r.pep508.name == *name).map(change).count()
        };
        match self {
            Change::Without(names) => {
                for group in &mut spec.groups {
                    group.requirements.retain(|r| !names.contains(&r.pep508.name));
                }
            }
            Change::Ask(requirement) => {
                let version = requirement.version_or_url.clone();
                let ask = |r: &mut RequirementSpec| r.pep508.version_or_url.clone_from(&version);
                if each(&mut spec, &requirement.name, &ask) == 0 {
                    let requirement = RequirementSpec::new((**requirement).clone(), vec![], false);
                    spec.groups.first_mut()?.requirements.push(requirement);
                }
            }
            Change::Extra(name, extra, instead) => {
                let change = |r: &mut RequirementSpec| {
                    r.pep508.extras.retain(|e| e != extra);
                    r.pep508.extras.extend(instead.clone());
                };
                each(&mut spec, name, &change);
            }
            Change::Loosen(name) => {
                each(&mut spec, name, &|r| r.pep508.version_or_url = None);
            }
            Change::Instead(name, other) => {
                each(&mut spec, name, &|r| r.pep508.name = other.clone());
            }
            Change::Unbound(name) => {
                spec.rules.constraints.retain(|rule| rule.requirement.name != *name);
            }
            Change::NotDenied(name) => {
                spec.rules.denied.retain(|rule| rule.requirement.name != *name);
            }
            Change::NotOverridden(name) => {
                spec.rules.overrides.remove(name);
                let written = |r: &mut RequirementSpec| {
                    let written = r.overridden.take().and_then(|(text, _)| text.parse().ok());
                    r.pep508 = written.unwrap_or_else(|| r.pep508.clone());
                };
                each(&mut spec, name, &written);
            }
            Change::Prereleases(name, which) => {
                spec.rules.prereleases.insert(name.clone(), *which);
            }
            Change::AllowCuda(name) => {
                spec.cuda_allow.insert(name.clone());
            }
            Change::Target(_) | Change::ByHand => return None,
        }
        Some(spec)
    }
}
