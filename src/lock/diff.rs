//! What changed between two locks.

use pep440_rs::Version;
use pep508_rs::PackageName;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Lock;

/// The difference between one lock and an older one (or none).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diff {
    /// In the new one only.
    pub added: Vec<Entry>,
    /// In the old one only.
    pub removed: Vec<Entry>,
    /// Another version or another file of the same version.
    pub changed: Vec<Change>,
    /// Python, base images, target, system packages: a sentence each.
    pub environment: Vec<String>,
}

/// A distribution that was added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// Its version.
    #[schemars(with = "String")]
    pub version: Version,
    /// Bytes of its wheel.
    pub size: u64,
}

/// A distribution whose version or file changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Its name.
    #[schemars(with = "String")]
    pub name: PackageName,
    /// The version it had.
    #[schemars(with = "String")]
    pub from: Version,
    /// The version it has.
    #[schemars(with = "String")]
    pub to: Version,
    /// Bytes the wheel had.
    pub from_size: u64,
    /// Bytes the wheel has.
    pub to_size: u64,
}

/// Of system packages: one sentence where there were none, else one for each that changed.
fn system_changes(old: Option<&Lock>, new: &Lock) -> Vec<String> {
    let versions = |lock: &Lock| -> BTreeMap<(String, String), String> {
        let each = lock.system_packages.iter().map(|package| {
            let image = package.image.as_ref().map(|image| format!(" in {image}"));
            let name = (package.name.clone(), image.unwrap_or_default());
            (name, package.version.clone())
        });
        each.collect()
    };
    let before = old.map(versions).unwrap_or_default();
    let after = versions(new);
    if before.is_empty() || after.is_empty() {
        let count = |all: &BTreeMap<_, _>| match all.len() {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        let (from, to) = (count(&before), count(&after));
        return (from != to)
            .then(|| format!("system packages: {from} → {to}"))
            .into_iter()
            .collect();
    }
    let names: BTreeSet<&(String, String)> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let (from, to) = (before.get(name), after.get(name));
        let word = |version: Option<&String>| version.map_or("none", String::as_str).to_owned();
        let (package, image) = name;
        (from != to)
            .then(|| format!("system package {package}{image}: {} → {}", word(from), word(to)))
    });
    changed.collect()
}

impl Diff {
    /// The changes from `old` to `new`.
    pub fn between(old: Option<&Lock>, new: &Lock) -> Self {
        let mut diff =
            Diff { added: vec![], removed: vec![], changed: vec![], environment: vec![] };
        for package in &new.packages {
            match old.and_then(|o| o.package(&package.name)) {
                None => diff.added.push(entry(package)),
                Some(before) if before.sha256 != package.sha256 => diff.changed.push(Change {
                    name: package.name.clone(),
                    from: before.version.clone(),
                    to: package.version.clone(),
                    from_size: before.size,
                    to_size: package.size,
                }),
                Some(_) => {}
            }
        }
        diff.environment.extend(system_changes(old, new));
        let Some(old) = old else { return diff };
        diff.removed
            .extend(old.packages.iter().filter(|p| new.package(&p.name).is_none()).map(entry));
        let mut compare = |what: &str, before: String, after: String| {
            if before != after {
                diff.environment.push(format!("{what}: {before} → {after}"));
            }
        };
        compare("Python", old.python.version.to_string(), new.python.version.to_string());
        compare("CUDA", old.target.cuda_tag.to_string(), new.target.cuda_tag.to_string());
        compare("glibc", old.target.glibc.to_string(), new.target.glibc.to_string());
        compare("runtime base", base(&old.base.runtime), base(&new.base.runtime));
        compare("devel base", base(&old.base.devel), base(&new.base.devel));
        diff
    }

    /// The same lines as [`Display`](fmt::Display), with the bytes of the wheels, and their sum.
    pub fn with_sizes(&self) -> String {
        let mut text: String = self.environment.iter().map(|line| format!("~ {line}\n")).collect();
        let mut sum = 0;
        for change in &self.changed {
            let (from, to) = (megabytes(change.from_size), megabytes(change.to_size));
            text += &format!("~ {} {} → {}  {from} → {to}\n", change.name, change.from, change.to);
            sum += i128::from(change.to_size) - i128::from(change.from_size);
        }
        for (sign, entries, factor) in [('+', &self.added, 1), ('-', &self.removed, -1)] {
            for entry in entries {
                let size = megabytes(entry.size);
                text += &format!("{sign} {} {}  {size}\n", entry.name, entry.version);
                sum += factor * i128::from(entry.size);
            }
        }
        let sign = if sum < 0 { '-' } else { '+' };
        let size = u64::try_from(sum.unsigned_abs()).unwrap_or(u64::MAX);
        text + &format!("{sign}{} to download\n", megabytes(size))
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.changed.is_empty()
            && self.environment.is_empty()
    }
}

/// Decimal megabytes, as indexes show sizes.
fn megabytes(bytes: u64) -> String {
    let tenths = (u128::from(bytes) + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn entry(package: &super::Package) -> Entry {
    Entry { name: package.name.clone(), version: package.version.clone(), size: package.size }
}

fn base(pin: &super::BasePin) -> String {
    let digest =
        pin.digests.map_or_else(|| "no digest".to_owned(), |d| d.platform_digest.to_string());
    format!("{} ({digest})", pin.reference)
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.environment {
            writeln!(f, "~ {line}")?;
        }
        for change in &self.changed {
            writeln!(f, "~ {} {} → {}", change.name, change.from, change.to)?;
        }
        for entry in &self.added {
            writeln!(f, "+ {} {}", entry.name, entry.version)?;
        }
        for entry in &self.removed {
            writeln!(f, "- {} {}", entry.name, entry.version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::lock::SystemPackage;
    use crate::lock::format::tests::sample;

    fn system_package(name: &str, version: &str) -> SystemPackage {
        SystemPackage {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            image: None,
            requested: vec![name.to_owned()],
            required_by: vec![],
            replaces: None,
            file: format!("{name}.deb"),
            size: 1,
            installed_size: 1,
            sha256: Sha256::of(name),
            archive: "trixie".to_owned(),
            location: format!("debian:/pool/{name}.deb").parse().unwrap(),
        }
    }

    #[test]
    fn a_diff_names_what_came_went_and_changed() {
        let old = sample();
        let mut new = sample();
        assert!(Diff::between(Some(&old), &new).is_empty());
        new.packages.remove(1);
        new.packages[0].version = "0.26.0".parse().unwrap();
        new.packages[0].sha256 = Sha256::of("other");
        let mut extra = new.packages[1].clone();
        extra.name = "numpy".parse().unwrap();
        new.packages.insert(1, extra);
        new.python.version = "3.14.3".parse().unwrap();
        let shown = Diff::between(Some(&old), &new).to_string();
        assert_eq!(
            shown,
            "~ Python: 3.14.2 → 3.14.3\n~ marimo 0.25.2 → 0.26.0\n+ numpy 2.60.0\n- pip 26.0\n"
        );
        assert_eq!(Diff::between(None, &new).added.len(), 4);
        let before = new.clone();
        new.system_packages =
            vec![system_package("curl", "8.22.0-1"), system_package("git", "1:2.53.0-1")];
        let shown = Diff::between(Some(&before), &new).to_string();
        assert_eq!(shown, "~ system packages: none → 2\n");
        let before = new.clone();
        new.system_packages =
            vec![system_package("curl", "8.22.0-2"), system_package("jq", "1.8.1-4")];
        let shown = Diff::between(Some(&before), &new).to_string();
        assert_eq!(
            shown,
            "~ system package curl: 8.22.0-1 → 8.22.0-2\n~ system package git: 1:2.53.0-1 → none\n\
             ~ system package jq: none → 1.8.1-4\n"
        );
        new.system_packages.clear();
        new.packages[0].size = 1_250_000;
        let shown = Diff::between(Some(&old), &new).with_sizes();
        assert!(shown.contains("~ marimo 0.25.2 → 0.26.0  0.0 MB → 1.3 MB\n"), "{shown}");
        assert!(shown.ends_with("- pip 26.0  0.0 MB\n+1.2 MB to download\n"), "{shown}");
    }
}
