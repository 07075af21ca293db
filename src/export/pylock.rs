//! pylock.toml, the standard lock of Python installers (PEP 751).

use std::collections::BTreeMap;

use pep508_rs::PackageName;
use serde::Serialize;
use toml::{Table, Value};
use url::Url;

use super::public;
use crate::digest::Sha256;
use crate::lock::{Lock, Package};
use crate::platform::Markers;

/// Where a wheel is today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its address.
    pub url: Url,
    /// The index it was found through; `None` for a page of links.
    pub index: Option<Url>,
}

/// Whether installers take a file of this name for a lock: `pylock.toml` or `pylock.NAME.toml`.
pub fn is_pylock_name(name: &str) -> bool {
    let middle = name.strip_prefix("pylock.").and_then(|rest| rest.strip_suffix("toml"));
    middle.is_some_and(|m| m.is_empty() || m.len() > 1 && m.find('.') == Some(m.len() - 1))
}

/// The lock as pylock.toml. A package without an entry in `found` is written without address, which
/// installers refuse: pass all. `lock_sha256` says which lock it was.
pub fn pylock(lock: &Lock, lock_sha256: Sha256, found: &BTreeMap<PackageName, Found>) -> String {
    let minor = minor(lock);
    let Markers { sys_platform, platform_machine, .. } = lock.target.platform.markers();
    let marker = format!(
        "sys_platform == '{sys_platform}' and platform_machine == '{platform_machine}' and \
         implementation_name == 'cpython' and python_version == '{minor}'"
    );
    let mut text = format!(
        "# Written by `envlock export`. Change envlock.toml, not this file.\n\
         lock-version = \"1.0\"\ncreated-by = \"envlock\"\nrequires-python = \"=={minor}.*\"\n\
         environments = {}\n",
        inline(&[marker])
    );
    if lock.packages.is_empty() {
        text += "packages = []\n";
    }
    for package in &lock.packages {
        text += &entry(package, lock, found.get(&package.name));
    }
    text + &format!("\n[tool.envlock]\nlock-sha256 = \"{lock_sha256}\"\n")
}

fn minor(lock: &Lock) -> String {
    let part = |at: usize| lock.python.version.release().get(at).copied().unwrap_or_default();
    format!("{}.{}", part(0), part(1))
}

fn entry(package: &Package, lock: &Lock, found: Option<&Found>) -> String {
    let name = package.name.to_string();
    let version = package.version.to_string();
    let mut text =
        format!("\n[[packages]]\nname = {}\nversion = {}\n", inline(&name), inline(&version));
    let needs = lock.packages.iter().filter(|p| p.required_by.contains(&package.name));
    let needs: Vec<_> = needs.map(|p| BTreeMap::from([("name", p.name.to_string())])).collect();
    if !needs.is_empty() {
        text += &format!("dependencies = {}\n", inline(&needs));
    }
    let index = found.and_then(|f| f.index.as_ref()).filter(|_| !package.bare_metadata);
    if let Some(index) = index {
        text += &format!("index = {}\n", inline(&public(index)));
    }
    let mut wheel = Table::new();
    if !package.bare_metadata {
        wheel.insert("name".into(), Value::from(package.file.clone()));
    }
    if let Some(found) = found {
        wheel.insert("url".into(), Value::from(public(&found.url).to_string()));
    }
    wheel.insert("size".into(), value(&package.size));
    let hash = Table::from_iter([("sha256".to_owned(), Value::from(package.sha256.to_string()))]);
    wheel.insert("hashes".into(), Value::Table(hash));
    // For a wheel with only an address, installers do not compare METADATA's version with the file name's.
    match package.bare_metadata {
        true => text + &format!("archive = {}\n", inline(&wheel)),
        false => text + &format!("wheels = {}\n", inline(&[wheel])),
    }
}

fn value(of: &impl Serialize) -> Value {
    Value::try_from(of).expect("names, numbers and addresses are TOML values")
}

/// As a TOML value on one line.
fn inline(of: &(impl Serialize + ?Sized)) -> String {
    value(&of).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::sample;

    #[test]
    fn installers_know_only_two_kinds_of_names() {
        for (name, is) in [
            ("pylock.toml", true),
            ("pylock.cpu.toml", true),
            ("pylock..toml", false),
            ("pylock.a.b.toml", false),
            ("mylock.toml", false),
            ("pylock.cputoml", false),
        ] {
            assert_eq!(is_pylock_name(name), is, "{name}");
        }
    }

    #[test]
    fn an_empty_set_has_packages_all_the_same() {
        let lock = Lock { packages: vec![], ..sample() };
        let text = pylock(&lock, Sha256::of("lock"), &BTreeMap::new());
        let read: Table = toml::from_str(&text).unwrap();
        assert_eq!(read["packages"].as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn a_wheel_whose_metadata_lacks_the_local_version_is_named_by_its_address() {
        let mut lock = sample();
        lock.packages.retain(|package| package.name.as_ref() == "torch");
        lock.packages[0].bare_metadata = true;
        let found = Found {
            url: "https://f.example/torch-2.14.1%2Bcu130-py3-none-any.whl".parse().unwrap(),
            index: "https://i.example/simple/".parse().ok(),
        };
        let found = BTreeMap::from([("torch".parse().unwrap(), found)]);
        let read: Table = toml::from_str(&pylock(&lock, Sha256::of("lock"), &found)).unwrap();
        let package = read["packages"][0].as_table().unwrap();
        assert!(!package.contains_key("wheels") && !package.contains_key("index"), "{package:?}");
        assert_eq!(package["archive"]["size"].as_integer(), Some(10));
        assert!(package["archive"]["url"].as_str().unwrap().ends_with("any.whl"), "{package:?}");
    }

    #[test]
    fn addresses_hashes_and_the_graph_are_in_it_and_no_login_is() {
        let mut lock = sample();
        lock.packages[1].required_by = vec!["ray".parse().unwrap(), "marimo".parse().unwrap()];
        let found = lock.packages.iter().map(|p| {
            let url = format!("https://me:secret@f.example/{}", p.file.replace('+', "%2B"));
            let index =
                (p.name.as_ref() != "ray").then(|| "https://i.example/simple/".parse().unwrap());
            (p.name.clone(), Found { url: url.parse().unwrap(), index })
        });
        let text = pylock(&lock, Sha256::of("lock"), &found.collect());
        assert!(toml::from_str::<Table>(&text).is_ok());
        insta::assert_snapshot!(text);
    }
}
