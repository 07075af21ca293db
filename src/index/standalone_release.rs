//! The files of a python-build-standalone release, read. Pure.

use pep440_rs::Version;
use serde::Deserialize;

use crate::digest::Sha256;
use crate::lock::PythonArchive;
use crate::spec::PythonRequest;

/// `latest-release.json`: which release is the newest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Latest {
    /// `20260203`
    #[serde(deserialize_with = "plain_tag")]
    pub(super) tag: String,
}

/// The tag becomes part of addresses and of the lock: it must be one plain word.
fn plain_tag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let tag = String::deserialize(deserializer)?;
    let plain = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then_some(tag).ok_or_else(|| serde::de::Error::custom("the tag is not a release's"))
}

/// The interpreters for our platform in a release's SHA256SUMS, oldest first. Free-threaded,
/// debug, musl and optimized-for-newer-CPUs builds have other names and are left out.
pub(super) fn archives(sums: &str, tag: &str) -> Vec<(Version, PythonArchive)> {
    let suffix = format!("+{tag}-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz");
    let mut archives: Vec<_> = sums
        .lines()
        .filter_map(|line| {
            // As sha256sum writes: the hash, a space, a space or `*`, the name.
            let (hash, file) = line.trim_end().split_once(' ')?;
            let file = file.trim_start_matches([' ', '*']);
            let version = file.strip_prefix("cpython-")?.strip_suffix(&suffix)?;
            let (release, sha256) = (tag.to_owned(), hash.parse::<Sha256>().ok()?);
            let archive = PythonArchive { release, file: file.to_owned(), sha256 };
            Some((version.parse::<Version>().ok()?, archive))
        })
        .collect();
    archives.sort_by(|a, b| a.0.cmp(&b.0));
    archives
}

/// The newest that was asked for. A pre-release only where there is no final one of `X.Y`.
pub(super) fn newest<'a>(
    archives: &'a [(Version, PythonArchive)],
    wanted: &PythonRequest,
) -> Option<&'a (Version, PythonArchive)> {
    let fits = |version: &Version| match version.release() {
        [major, minor, rest @ ..] => {
            let patch = rest.first().copied().unwrap_or(0);
            (*major, *minor) == (wanted.major, wanted.minor)
                && wanted.patch.is_none_or(|wanted| wanted == patch)
        }
        _ => false,
    };
    let fitting = || archives.iter().rev().filter(|(version, _)| fits(version));
    fitting().find(|(version, _)| !version.any_prerelease()).or_else(|| fitting().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums() -> String {
        let names = [
            "cpython-3.13.12+20260203-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.14.3+20260203-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.14.3+20260203-x86_64-unknown-linux-gnu-install_only.tar.gz",
            "cpython-3.14.3+20260203-x86_64-unknown-linux-gnu-freethreaded-install_only_stripped.tar.gz",
            "cpython-3.14.3+20260203-x86_64_v3-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.14.3+20260203-x86_64-unknown-linux-musl-install_only_stripped.tar.gz",
            "cpython-3.14.3+20260203-aarch64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.14.10+20260203-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.15.0a5+20260203-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
        ];
        names.map(|name| format!("{}  {name}\n", Sha256::of(name))).concat()
    }

    fn pin(wanted: &str) -> Option<String> {
        let archives = archives(&sums(), "20260203");
        let wanted = wanted.to_owned().try_into().unwrap();
        newest(&archives, &wanted).map(|(version, archive)| {
            assert_eq!(archive.sha256, Sha256::of(&archive.file));
            assert!(
                archive.file.starts_with(&format!("cpython-{version}+20260203-x86_64-unknown"))
            );
            version.to_string()
        })
    }

    #[test]
    fn the_newest_patch_is_compared_as_a_number_and_other_builds_are_left_out() {
        assert_eq!(archives(&sums(), "20260203").len(), 4);
        assert_eq!(pin("3.14").as_deref(), Some("3.14.10"));
        assert_eq!(pin("3.14.3").as_deref(), Some("3.14.3"));
        assert_eq!(pin("3.13").as_deref(), Some("3.13.12"));
        assert_eq!(pin("3.15").as_deref(), Some("3.15.0a5"));
        assert_eq!(pin("3.14.4"), None);
        assert_eq!(pin("3.12"), None);
    }

    #[test]
    fn a_tag_that_would_leave_its_folder_is_refused() {
        let read = |text| serde_json::from_str::<Latest>(text);
        let text = r#"{"version":1,"tag":"20260203","release_url":"r","asset_url_prefix":"p"}"#;
        assert_eq!(read(text).unwrap().tag, "20260203");
        assert!(read(r#"{"tag":"../x"}"#).is_err() && read(r#"{"tag":""}"#).is_err());
    }
}
