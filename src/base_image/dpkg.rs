//! The package database of Debian and Ubuntu images (deb822 paragraphs). Pure.

use std::collections::BTreeMap;
use std::io::BufRead;

use pep440_rs::Version;

use crate::python::GlibcVersion;

/// The installed packages whose name `keep` accepts, with their Debian versions.
pub(super) fn installed(
    mut text: impl BufRead,
    keep: impl Fn(&str) -> bool,
) -> std::io::Result<BTreeMap<String, String>> {
    let mut packages = BTreeMap::new();
    let (mut name, mut version, mut gone) = (None, None, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        let ended = text.read_until(b'\n', &mut line)? == 0;
        let field = String::from_utf8_lossy(&line);
        let field = field.trim_end();
        if field.is_empty() {
            if let (Some(name), Some(version), false) = (name.take(), version.take(), gone) {
                packages.insert(name, version);
            }
            (name, version, gone) = (None, None, false);
        }
        if ended {
            return Ok(packages);
        }
        if let Some(value) = field.strip_prefix("Package: ") {
            name = Some(value.to_owned()).filter(|name| keep(name));
        } else if let Some(value) = field.strip_prefix("Version: ") {
            version = Some(value.to_owned());
        } else if let Some(value) = field.strip_prefix("Status: ") {
            gone = !value.ends_with(" installed");
        }
    }
}

/// `[EPOCH:]UPSTREAM[-REVISION]` → UPSTREAM.
fn upstream(debian: &str) -> &str {
    let version = debian.split_once(':').map_or(debian, |(_epoch, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _revision)| upstream)
}

/// `2.39-0ubuntu8.4` → 2.39.
pub(super) fn glibc(debian: &str) -> Option<GlibcVersion> {
    let mut parts = upstream(debian).split(|c: char| !c.is_ascii_digit());
    Some(GlibcVersion { major: parts.next()?.parse().ok()?, minor: parts.next()?.parse().ok()? })
}

/// `3.14.0~rc2-1` → 3.14.0rc2, `3.14.2+dfsg-1ubuntu1` → 3.14.2.
pub(super) fn python(debian: &str) -> Option<Version> {
    let upstream = upstream(debian);
    let plain = upstream.split('+').next()?.replace('~', "");
    plain.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages_are_read_and_removed_ones_are_not() {
        let text = "Package: libc6\nStatus: install ok installed\nDescription: C library\n Package: no\n\
                    Version: 2.41-12\n\nPackage: python3.14-minimal\nStatus: deinstall ok config-files\n\
                    Version: 3.14.0-1\n\nPackage: bash\nVersion: 5\n\nPackage: libc6-dev\nVersion: 2.41-12";
        let packages = installed(text.as_bytes(), |name| name.starts_with("lib")).unwrap();
        let names: Vec<_> = packages.iter().map(|(n, v)| format!("{n} {v}")).collect();
        assert_eq!(names, ["libc6 2.41-12", "libc6-dev 2.41-12"]);
        let all = installed(text.as_bytes(), |_| true).unwrap();
        assert!(!all.contains_key("python3.14-minimal") && all.contains_key("bash"));
    }

    #[test]
    fn upstream_versions_are_cut_out() {
        assert_eq!(glibc("2.39-0ubuntu8.4").unwrap().to_string(), "2.39");
        assert_eq!(glibc("1:2.41+really-3").unwrap().to_string(), "2.41");
        assert_eq!(glibc("two"), None);
        assert_eq!(python("3.14.2-1").unwrap().to_string(), "3.14.2");
        assert_eq!(python("3.14.0~rc2-1+b1").unwrap().to_string(), "3.14.0rc2");
        assert_eq!(python("3.14.2+dfsg-1ubuntu1").unwrap().to_string(), "3.14.2");
    }
}
