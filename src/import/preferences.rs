//! The versions of another tool's lock: uv.lock, or pylock.toml (PEP 751). They are preferred where they fit.

use std::str::FromStr;

use pep440_rs::Version;
use pep508_rs::{MarkerTree, PackageName};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::pyproject::BadPyproject;

/// A version that another lock has.
#[derive(Debug, Clone, PartialEq)]
pub struct Preference {
    /// Normalized.
    pub name: PackageName,
    /// As the lock has it.
    pub version: Version,
    /// Where it holds; any of them is enough. Empty: everywhere.
    pub markers: Vec<MarkerTree>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    version: Option<Value>,
    lock_version: Option<Spanned<String>>,
    #[serde(default)]
    package: Vec<Package>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<Spanned<String>>,
    source: Option<Value>,
    marker: Option<Spanned<String>>,
    #[serde(default)]
    resolution_markers: Vec<Spanned<String>>,
    directory: Option<Value>,
    vcs: Option<Value>,
}

/// The format of uv.lock that is known; a newer revision adds only what can be ignored.
const UV: i64 = 1;

/// The versions of a lock's text, in its order. Packages that come from no index are left out.
pub fn preferences(text: &str) -> Result<Vec<Preference>, BadPyproject> {
    let wrong = |message: String, span| BadPyproject {
        message,
        help: "name a uv.lock or a pylock.toml".to_owned(),
        span,
    };
    let file: File = toml::from_str(text)
        .map_err(|e| wrong(e.message().to_owned(), e.span().unwrap_or(0..0)))?;
    let packages = match (&file.lock_version, file.version.as_ref().and_then(Value::as_integer)) {
        (Some(version), _) if version.get_ref().starts_with("1.") => file.packages,
        (Some(version), _) => {
            let message = format!("this pylock.toml has the format {}", version.get_ref());
            return Err(wrong(message, version.span()));
        }
        (None, Some(UV)) => file.package,
        (None, Some(other)) => {
            return Err(wrong(format!("this uv.lock has the format {other}"), 0..0));
        }
        (None, None) => {
            return Err(wrong("this is not a lock: it has no version".to_owned(), 0..0));
        }
    };
    let from_index = |package: &Package| {
        let registry = |source: &Value| source.get("registry").is_some();
        package.source.as_ref().is_none_or(registry)
            && package.directory.is_none()
            && package.vcs.is_none()
    };
    let mut all = Vec::new();
    for package in packages.into_iter().filter(from_index) {
        let Some(version) = package.version else { continue };
        let read = |text: &Spanned<String>| {
            let marker = MarkerTree::from_str(text.get_ref());
            marker.map_err(|e| {
                wrong(format!("`{}` is not a marker: {}", text.get_ref(), e.message), text.span())
            })
        };
        let name = PackageName::from_str(package.name.get_ref())
            .map_err(|e| wrong(e.to_string(), package.name.span()))?;
        let markers = package.marker.iter().chain(&package.resolution_markers).map(read);
        all.push(Preference {
            name,
            markers: markers.collect::<Result<_, _>>()?,
            version: Version::from_str(version.get_ref())
                .map_err(|e| wrong(e.to_string(), version.span()))?,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let all = preferences(text).map_err(|bad| bad.message)?;
        let each = all.iter().map(|p| format!("{}=={}/{}", p.name, p.version, p.markers.len()));
        Ok(each.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn both_locks_give_their_versions_with_markers() {
        let uv = "version = 1\nrevision = 3\nrequires-python = \">=3.10\"\n\
            [[package]]\nname = \"app\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n\
            [[package]]\nname = \"A_b\"\nversion = \"1.0\"\nsource = { registry = \"https://i.example/simple\" }\n\
            resolution-markers = [\"sys_platform == 'linux'\", \"sys_platform == 'win32'\"]\n\
            [[package]]\nname = \"c\"\nversion = \"2.0+cu130\"\nsource = { registry = \"https://i.example/simple\" }\n\
            [[package]]\nname = \"d\"\nsource = { git = \"https://h.example/d\" }\n";
        assert_eq!(read(uv).unwrap(), "a-b==1.0/2 c==2.0+cu130/0");
        let pylock = "lock-version = \"1.0\"\ncreated-by = \"x\"\n\
            [[packages]]\nname = \"a\"\nversion = \"1.0\"\nmarker = \"python_version > '3'\"\n\
            [[packages]]\nname = \"b\"\nversion = \"1.0\"\ndirectory = { path = \".\" }\n\
            [[packages]]\nname = \"c\"\n";
        assert_eq!(read(pylock).unwrap(), "a==1.0/1");
    }

    #[test]
    fn what_is_no_lock_is_told() {
        for (text, why) in [
            ("", "not a lock"),
            ("version = 2\n", "has the format 2"),
            ("lock-version = \"2.0\"\n", "has the format 2.0"),
            ("version = 1\n[[package]]\nname = \"a\"\nversion = \"x\"\n", "version"),
            (
                "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nresolution-markers = [\"x\"]\n",
                "is not a marker",
            ),
            ("version = 1\n[[package]]\nversion = \"1\"\n", "missing field `name`"),
            ("a==1.0\n", "expected"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
