//! Command-line changes to a spec: `--index GROUP=NAME|URL` and `--without PKG`.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use pep508_rs::PackageName;

use super::place::is_fetched;
use super::{CutOff, Error, GroupName, SourceKind, SourceName, SourceSpec, Spec};
use crate::login;

/// Changes of a spec by the command line.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--index`
    pub index: Vec<IndexOverride>,
    /// `--without`
    pub without: Vec<PackageName>,
    /// `--exclude-newer`
    pub exclude_newer: Option<CutOff>,
}

/// `GROUP=NAME|URL`: where a group's asked-for packages come from instead. Any text is accepted here, and refused when it is
/// applied: clap's own message would repeat a login in it.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexOverride(String);

impl FromStr for IndexOverride {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// It may have a login in it.
impl fmt::Debug for IndexOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexOverride").field(&login::masked(&self.0)).finish()
    }
}

impl Overrides {
    /// The spec with these changes. A group or package that is not in the spec is an error: a typing
    /// mistake must not be ignored. `pypi=URL` sets the address of that source itself.
    pub fn apply(&self, mut spec: Spec) -> Result<Spec, Error> {
        for change in &self.index {
            apply_index(&mut spec, change).map_err(|why| {
                Error::Override(login::masked(&format!("--index {}: {why}", change.0)))
            })?;
        }
        for name in &self.without {
            let mut found = false;
            for group in &mut spec.groups {
                let before = group.requirements.len();
                group.requirements.retain(|r| r.pep508.name != *name);
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

/// # Errors
/// Why not, as a sentence.
fn apply_index(spec: &mut Spec, change: &IndexOverride) -> Result<(), String> {
    let (group, source) = match change.0.split_once('=') {
        Some((group, source)) if !group.is_empty() && !source.is_empty() => (group, source),
        _ => return Err("write GROUP=NAME or GROUP=URL, for example torch=pypi".to_owned()),
    };
    let address = source.contains("://").then(|| login::parse(source)).transpose();
    let (address, login) = address.map_err(|e| e.to_string())?.unzip();
    if let Some(url) = address.as_ref().filter(|url| !is_fetched(url)) {
        return Err(format!("nothing is fetched from a `{}:` address", url.scheme()));
    }
    // Before those of envlock.toml, which may be for the same address.
    let login = address.clone().zip(login.flatten());
    spec.logins.splice(..0, login);
    if let (Some(url), Ok(name)) = (&address, group.parse::<SourceName>())
        && let Some(known) = spec.sources.get_mut(&name)
    {
        (known.url, known.template) = (Some(url.clone()), None);
        return Ok(());
    }
    let group_name = group.parse::<GroupName>().ok();
    let Some(index) = spec.groups.iter().position(|g| Some(&g.name) == group_name.as_ref()) else {
        let names: Vec<_> = spec.groups.iter().map(|g| g.name.as_str()).collect();
        return Err(format!("no group or source `{group}` (groups: {})", names.join(", ")));
    };
    let name = match address {
        // The lock records a name, never a host: an address from the command line is named after its group.
        Some(url) => {
            let name: SourceName = group.parse().map_err(|e| format!("{e}"))?;
            let source = SourceSpec {
                kind: SourceKind::Simple,
                url: Some(url),
                template: None,
                ignore_error_codes: None,
                exclude_newer: None,
            };
            spec.sources.insert(name.clone(), source);
            name
        }
        None => {
            source.parse().ok().filter(|name| spec.sources.contains_key(name)).ok_or_else(|| {
                let names: Vec<_> = spec.sources.keys().map(SourceName::as_str).collect();
                format!("no source `{source}` (sources: {})", names.join(", "))
            })?
        }
    };
    let requirements = spec.groups[index].requirements.iter_mut();
    for requirement in requirements.filter(|w| w.direct().is_none()) {
        requirement.sources = vec![name.clone()];
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
            spec.requirements().find(|(_, r)| r.pep508.name.as_ref() == "torch").unwrap();
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

    #[test]
    fn no_message_repeats_a_login() {
        for text in [
            "x=https://me:w0rd@h/",
            "https://me:w0rd@h/",
            "=https://me:w0rd@h/",
            "torch=https://me:w0rd@[",
        ] {
            let error = apply(&[text], &[]).unwrap_err().to_string();
            assert!(error.starts_with("--index ") && !error.contains("w0rd"), "{error}");
            assert!(!format!("{:?}", text.parse::<IndexOverride>()).contains("w0rd"));
        }
        let spec = apply(&["pypi=https://me:w0rd@h.example/simple/"], &[]).unwrap();
        assert!(!format!("{spec:?}").contains("w0rd"));
        assert_eq!(spec.logins[0].1.password.as_deref(), Some("w0rd"));
    }
}
