//! What a lock stores of a spec: the hash of everything that decides what is locked.

use std::collections::BTreeSet;

use pep440_rs::Version;
use pep508_rs::PackageName;
use serde::Serialize;

use super::{
    BaseSpec, CutOff, GroupName, ImageName, PackageSpec, PythonSpec, RequirementSpec, SourceName,
    Spec, TargetSpec,
};
use crate::digest::{Digest, Sha256};

impl Spec {
    /// What a lock repeats of a spec about one distribution: the requirements of other files, and rules.
    pub fn rules_of(&self, name: &PackageName, version: &Version) -> Vec<String> {
        let requirements =
            self.requirements().filter(|(_, requirement)| requirement.pep508.name == *name);
        let mut all: Vec<String> =
            requirements.filter_map(|(_, requirement)| requirement.imported()).collect();
        all.extend(self.rules.of(name, Some(version)));
        all
    }

    /// The hash of everything that decides what is locked. Where images go, mirrors and addresses
    /// are left out: moving to a mirror never makes a lock stale.
    pub fn sha256(&self) -> Sha256 {
        #[derive(Serialize)]
        struct Identity<'a> {
            python: &'a PythonSpec,
            target: &'a TargetSpec,
            base: &'a BaseSpec,
            groups: Vec<(&'a GroupName, Vec<String>)>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            packages: Vec<String>,
            #[serde(skip_serializing_if = "BTreeSet::is_empty")]
            cuda_allow: &'a BTreeSet<PackageName>,
            #[serde(skip_serializing_if = "Option::is_none")]
            exclude_newer: Option<CutOff>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            own_exclude_newer: Vec<(&'a str, Option<CutOff>)>,
            // Locks made before there were rules keep their hash.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            rules: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            preferred: Vec<String>,
            // Locks made before there were system packages keep their hash.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            system: Vec<String>,
        }
        let requirement = |r: &RequirementSpec| {
            let sources: Vec<_> = r.sources.iter().map(SourceName::as_str).collect();
            // Locks made before there were optional requirements keep their hash.
            let may = if r.optional { " if it fits" } else { "" };
            format!("{} from {}{may}", r.written(), sources.join(","))
        };
        // The sources of requirements are in `groups`.
        let asked_for = self.asked_for();
        let route = |(name, package): (&PackageName, &PackageSpec)| {
            let sources = package.sources.as_ref().filter(|_| package.is_own)?;
            let sources: Vec<_> = sources.iter().map(SourceName::as_str).collect();
            (!asked_for.contains(name)).then(|| format!("{name} from {}", sources.join(",")))
        };
        let packages =
            self.packages.iter().filter_map(|(name, p)| Some((name.as_ref(), p.exclude_newer?)));
        let sources =
            self.sources.iter().filter_map(|(name, s)| Some((name.as_str(), s.exclude_newer?)));
        let identity = Identity {
            python: &self.python,
            target: &self.target,
            base: &self.base,
            groups: self
                .groups
                .iter()
                .map(|g| (&g.name, g.requirements.iter().map(requirement).collect()))
                .collect(),
            packages: self.packages.iter().filter_map(route).collect(),
            cuda_allow: &self.cuda_allow,
            exclude_newer: self.exclude_newer,
            own_exclude_newer: packages.chain(sources).collect(),
            preferred: self
                .preferred()
                .into_iter()
                .map(|(n, p)| format!("{n}=={}", p.version.version))
                .collect(),
            system: self.system_identity(),
            rules: self.rules.names().iter().flat_map(|name| self.rules.of(name, None)).collect(),
        };
        Sha256::of(serde_json::to_vec(&identity).expect("names and versions always serialize"))
    }

    /// The hash of what is asked for of system packages, on a base image of this digest.
    pub fn system_sha256(&self, base: Option<Digest>) -> Sha256 {
        let base = base.map(|digest| digest.to_string()).unwrap_or_default();
        let question = (self.system_identity(), base);
        Sha256::of(serde_json::to_vec(&question).expect("names and versions always serialize"))
    }

    /// What is asked for of system packages, and how they are chosen.
    fn system_identity(&self) -> Vec<String> {
        let requests = self.system_requests().into_iter().flat_map(|(image, requests)| {
            let image = image.map_or("every image", ImageName::as_str);
            requests.into_iter().map(move |request| format!("{request} in {image}"))
        });
        let mut all: Vec<String> = requests.collect();
        if !all.is_empty() && self.system.recommends {
            all.push("with what they recommend".to_owned());
        }
        if !all.is_empty() {
            all.extend(
                self.system.skipped_scripts.iter().map(|name| format!("{name}: scripts skipped")),
            );
        }
        all
    }
}
