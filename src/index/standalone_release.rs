//! Parses the files of a python-build-standalone release.

use pep440_rs::Version;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::digest::Sha256;
use crate::lock::PythonArchive;
use crate::platform::Platform;
use crate::spec::PythonRequest;

/// `latest-release.json`: which release is the newest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Latest {
    /// `20260203`
    #[serde(deserialize_with = "plain_tag")]
    pub(super) tag: String,
}

/// The tag becomes part of URLs and of the lock: letters and digits only.
fn plain_tag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let tag = String::deserialize(deserializer)?;
    let is_plain = plain(&tag).is_some();
    is_plain.then_some(tag).ok_or_else(|| serde::de::Error::custom("the tag is not a release's"))
}

fn plain(tag: &str) -> Option<&str> {
    let is_plain = !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    is_plain.then_some(tag)
}

/// An interpreter of a release.
pub(super) type Archive = (Version, PythonArchive);

/// The interpreters for `platform` in a release's SHA256SUMS, oldest first.
pub(super) fn archives(sums: &str, tag: &str, platform: Platform) -> Vec<Archive> {
    let of_line = |line: &str| {
        // As sha256sum writes: the hash, a space, a space or `*`, the name.
        let (hash, file) = line.trim_end().split_once(' ')?;
        archive(file.trim_start_matches([' ', '*']), hash, platform)
    };
    let of_release = |(_, archive): &Archive| archive.release == tag;
    sorted(sums.lines().filter_map(of_line).filter(of_release).collect())
}

/// The interpreters for `platform` in the list of all releases (a JSON object a line, for each version of each
/// release), oldest first.
///
/// # Errors
/// The number of the line that cannot be parsed, from 1, and why.
pub(super) fn archives_of_all(list: &str, platform: Platform) -> Result<Vec<Archive>, String> {
    let mut found = Vec::new();
    for (at, line) in list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let listed: Listed =
            serde_json::from_str(line).map_err(|why| format!("line {}: {why}", at + 1))?;
        found.extend(listed.artifacts.iter().filter_map(|artifact| {
            let file = artifact.url.rsplit('/').next()?;
            let file = percent_decode_str(file).decode_utf8_lossy();
            archive(&file, artifact.sha256.as_deref()?, platform)
        }));
    }
    Ok(sorted(found))
}

/// A version of a release in the list of all.
#[derive(Debug, Deserialize)]
struct Listed {
    artifacts: Vec<Artifact>,
}

#[derive(Debug, Deserialize)]
struct Artifact {
    url: String,
    sha256: Option<String>,
}

/// The interpreter in the file of this name, where it is one for `platform`. Free-threaded, debug, musl and
/// optimized-for-newer-CPUs builds have other names and are left out.
fn archive(file: &str, hash: &str, platform: Platform) -> Option<Archive> {
    let end = format!("-{}-install_only_stripped.tar.gz", platform.standalone_triple());
    let (version, release) = file.strip_prefix("cpython-")?.strip_suffix(&end)?.split_once('+')?;
    let (release, sha256) = (plain(release)?.to_owned(), hash.parse::<Sha256>().ok()?);
    let archive = PythonArchive { release, file: file.to_owned(), sha256 };
    Some((version.parse::<Version>().ok()?, archive))
}

/// By version; of a version in several releases the newest release is the last.
fn sorted(mut archives: Vec<Archive>) -> Vec<Archive> {
    archives.sort_by(|(one, a), (two, b)| one.cmp(two).then_with(|| a.release.cmp(&b.release)));
    archives
}

/// The newest final version that matches.
pub(super) fn newest_final<'a>(
    archives: &'a [Archive],
    requested: &PythonRequest,
) -> Option<&'a Archive> {
    newest(archives, requested).filter(|(version, _)| !version.any_prerelease())
}

/// The newest that matches. A pre-release only where there is no final one.
pub(super) fn newest<'a>(
    archives: &'a [Archive],
    requested: &PythonRequest,
) -> Option<&'a Archive> {
    let fits = |version: &Version| match version.release() {
        [major, minor, rest @ ..] => {
            let patch = rest.first().copied().unwrap_or(0);
            (*major, *minor) == (requested.major, requested.minor)
                && requested.patch.is_none_or(|requested| requested == patch)
        }
        _ => false,
    };
    let fitting = || archives.iter().rev().filter(|(version, _)| fits(version));
    fitting().find(|(version, _)| !version.any_prerelease()).or_else(|| fitting().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLATFORM: Platform = Platform::LINUX_AMD64;

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

    fn pin(requested: &str) -> Option<String> {
        let archives = archives(&sums(), "20260203", PLATFORM);
        let requested = requested.to_owned().try_into().unwrap();
        newest(&archives, &requested).map(|(version, archive)| {
            assert_eq!(archive.sha256, Sha256::of(&archive.file));
            assert!(
                archive.file.starts_with(&format!("cpython-{version}+20260203-x86_64-unknown"))
            );
            version.to_string()
        })
    }

    #[test]
    fn the_newest_patch_is_compared_as_a_number_and_other_builds_are_left_out() {
        assert_eq!(archives(&sums(), "20260203", PLATFORM).len(), 4);
        assert_eq!(archives(&sums(), "20260203", Platform::LINUX_ARM64).len(), 1);
        assert_eq!(pin("3.14").as_deref(), Some("3.14.10"));
        assert_eq!(pin("3.14.3").as_deref(), Some("3.14.3"));
        assert_eq!(pin("3.13").as_deref(), Some("3.13.12"));
        assert_eq!(pin("3.15").as_deref(), Some("3.15.0a5"));
        assert_eq!(pin("3.14.4"), None);
        assert_eq!(pin("3.12"), None);
    }

    const RECORDED: [(&str, &str); 2] = [
        (
            "20260508",
            include_str!("../../tests/fixtures/python-build-standalone/SHA256SUMS-20260508"),
        ),
        (
            "20260814",
            include_str!("../../tests/fixtures/python-build-standalone/SHA256SUMS-20260814"),
        ),
    ];

    #[test]
    fn a_release_candidate_is_not_what_a_minor_version_asks_for() {
        let [only_candidate, newest_release] =
            RECORDED.map(|(tag, sums)| archives(sums, tag, PLATFORM));
        let requested = |text: &str| text.to_owned().try_into().unwrap();
        assert_eq!(only_candidate.len(), 1);
        assert_eq!(newest_final(&only_candidate, &requested("3.14")), None);
        assert_eq!(newest_final(&only_candidate, &requested("3.14.5")), None);
        let version = |text: &str| {
            newest_final(&newest_release, &requested(text)).map(|(version, _)| version.to_string())
        };
        assert_eq!(version("3.14").as_deref(), Some("3.14.7"));
        assert_eq!(version("3.15"), None);
        assert_eq!(newest(&newest_release, &requested("3.15")).unwrap().0.to_string(), "3.15.0rc1");
    }

    #[test]
    fn the_list_of_all_releases_has_every_version_and_of_the_same_the_newest_release() {
        let line = |version: &str, release: &str, variant: &str| {
            let file =
                format!("cpython-{version}%2B{release}-x86_64-unknown-linux-gnu-{variant}.tar.gz");
            let hash = Sha256::of(&file);
            format!(
                "{{\"version\":\"{version}+{release}\",\"artifacts\":[{{\"url\":\"https://h.example/{release}/{file}\",\
                 \"sha256\":\"{hash}\",\"platform\":\"p\",\"variant\":\"{variant}\"}},{{\"url\":\"https://h.example/x\"}}]}}\n"
            )
        };
        let stripped = "install_only_stripped";
        let list = line("3.14.6", "20260610", stripped)
            + &line("3.14.6", "20260701", stripped)
            + &line("3.14.9", "20260701", "debug-install_only_stripped")
            + "\n"
            + &line("3.14.5rc1", "20260508", stripped);
        let all = archives_of_all(&list, PLATFORM).unwrap();
        let found: Vec<_> = all.iter().map(|(v, a)| format!("{v} {}", a.release)).collect();
        assert_eq!(found, ["3.14.5rc1 20260508", "3.14.6 20260610", "3.14.6 20260701"]);
        assert!(all[2].1.file.starts_with("cpython-3.14.6+20260701-"), "{}", all[2].1.file);
        let requested = "3.14.6".to_owned().try_into().unwrap();
        assert_eq!(newest_final(&all, &requested).unwrap().1.release, "20260701");
        let why = archives_of_all(&(list + "<html>"), PLATFORM).unwrap_err();
        assert!(why.starts_with("line 6: "), "{why}");
    }

    #[test]
    fn a_tag_that_would_leave_its_folder_is_refused() {
        let read = |text| serde_json::from_str::<Latest>(text);
        let text = r#"{"version":1,"tag":"20260203","release_url":"r","asset_url_prefix":"p"}"#;
        assert_eq!(read(text).unwrap().tag, "20260203");
        assert!(read(r#"{"tag":"../x"}"#).is_err() && read(r#"{"tag":""}"#).is_err());
    }
}
