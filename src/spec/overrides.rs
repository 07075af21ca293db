//! Command-line changes to a spec: `--index GROUP=NAME|URL` and `--without PKG`.

use std::str::FromStr;

use jiff::Timestamp;
use pep508_rs::PackageName;
use url::Url;

use super::{Error, GroupName, SourceKind, SourceName, SourceSpec, Spec};

/// What the command line changes in a spec.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--index`
    pub index: Vec<IndexOverride>,
    /// `--without`
    pub without: Vec<PackageName>,
    /// `--exclude-newer`
    pub exclude_newer: Option<Timestamp>,
}

/// `GROUP=NAME|URL`: where a group's asked-for packages come from instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOverride {
    group: String,
    source: String,
}

impl FromStr for IndexOverride {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((group, source)) if !group.is_empty() && !source.is_empty() => {
                Ok(Self { group: group.to_owned(), source: source.to_owned() })
            }
            _ => Err("write GROUP=NAME or GROUP=URL, for example torch=pypi".to_owned()),
        }
    }
}

impl Overrides {
    /// The spec with these changes. A group or package that is not in the spec is an error: a typing
    /// mistake must not pass as a choice. `pypi=URL` sets the address of that source itself.
    pub fn apply(&self, mut spec: Spec) -> Result<Spec, Error> {
        for change in &self.index {
            apply_index(&mut spec, change)?;
        }
        for name in &self.without {
            let mut found = false;
            for group in &mut spec.groups {
                let before = group.requirements.len();
                group.requirements.retain(|w| w.requirement.name != *name);
                found |= group.requirements.len() < before;
            }
            if !found {
                return Err(Error::Override(format!(
                    "--without {name}: the spec does not ask for {name}"
                )));
            }
        }
        spec.exclude_newer = self.exclude_newer.or(spec.exclude_newer);
        Ok(spec)
    }
}

fn apply_index(spec: &mut Spec, change: &IndexOverride) -> Result<(), Error> {
    let IndexOverride { group, source } = change;
    let address = source.contains("://").then(|| Url::parse(source)).transpose();
    let address = address.map_err(|e| Error::Override(format!("--index {group}=URL: {e}")))?;
    if let (Some(url), Ok(name)) = (&address, group.parse::<SourceName>())
        && let Some(known) = spec.sources.get_mut(&name)
    {
        known.url = Some(url.clone());
        return Ok(());
    }
    let group_name = group.parse::<GroupName>().ok();
    let Some(index) = spec.groups.iter().position(|g| Some(&g.name) == group_name.as_ref()) else {
        let names: Vec<_> = spec.groups.iter().map(|g| g.name.as_str()).collect();
        let message = format!(
            "--index {group}={source}: no group or source `{group}` (groups: {})",
            names.join(", ")
        );
        return Err(Error::Override(message));
    };
    let name = match address {
        // The lock records a name, never a host: an address given by hand is called after its group.
        Some(url) => {
            let name: SourceName =
                group.parse().map_err(|e| Error::Override(format!("--index: {e}")))?;
            spec.sources
                .insert(name.clone(), SourceSpec { kind: SourceKind::Simple, url: Some(url) });
            name
        }
        None => {
            source.parse().ok().filter(|name| spec.sources.contains_key(name)).ok_or_else(|| {
                let names: Vec<_> = spec.sources.keys().map(SourceName::as_str).collect();
                Error::Override(format!(
                    "--index {group}={source}: no source `{source}` (sources: {})",
                    names.join(", ")
                ))
            })?
        }
    };
    let requirements = spec.groups[index].requirements.iter_mut();
    for wish in requirements.filter(|w| w.direct().is_none()) {
        wish.sources = vec![name.clone()];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::builtin;

    fn apply(index: &[&str], without: &[&str]) -> Result<Spec, Error> {
        Overrides {
            index: index.iter().map(|t| t.parse().unwrap()).collect(),
            without: without.iter().map(|t| t.parse().unwrap()).collect(),
            exclude_newer: None,
        }
        .apply(builtin().unwrap())
    }

    #[test]
    fn a_group_moves_to_another_source_and_a_package_is_left_out() {
        let spec = apply(&["torch=pypi"], &["pyg_lib"]).unwrap();
        let (_, torch) =
            spec.wishes().find(|(_, w)| w.requirement.name.as_ref() == "torch").unwrap();
        assert_eq!(torch.sources[0].as_str(), "pypi");
        assert!(!spec.asked_for().iter().any(|n| n.as_ref() == "pyg-lib"));
        assert_ne!(spec.sha256(), builtin().unwrap().sha256());
    }

    #[test]
    fn a_source_gets_another_address_without_changing_the_identity() {
        let spec = apply(&["pypi=http://127.0.0.1:1/simple/"], &[]).unwrap();
        assert_eq!(spec.sha256(), builtin().unwrap().sha256());
        assert!(spec.sources.values().any(|s| s.url.as_ref().is_some_and(|u| u.port() == Some(1))));
    }

    #[test]
    fn names_that_do_not_exist_are_refused() {
        for (index, without) in
            [(&["tensor=pypi"][..], &[][..]), (&["torch=corp"], &[]), (&[], &["numpy"])]
        {
            assert!(matches!(apply(index, without), Err(Error::Override(_))));
        }
    }
}
