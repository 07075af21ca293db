//! Pins CPython from python-build-standalone's releases, or a mirror of them, over HTTP; `standalone_release` parses their
//! files.

use miette::Diagnostic;
use pep440_rs::Version;
use reqwest::header::HeaderMap;
use thiserror::Error;
use url::Url;

use super::standalone_release::{Archive, Latest, archives, archives_of_all, newest, newest_final};
use crate::exit::{Classified, Exit};
use crate::lock::PythonArchive;
use crate::platform::Platform;
use crate::spec::PythonRequest;
use crate::{login, net};

/// Where the project publishes its newest release, without the rate limit of GitHub's API.
const LATEST: &str =
    "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/";

/// Where the project's publisher lists all of its releases, with hashes; uv reads it.
const ALL: &str = "https://releases.astral.sh/github/versions/main/v1/";

/// The base URL of `TAG/SHA256SUMS` and `TAG/FILE`.
const RELEASES: &str = "https://github.com/astral-sh/python-build-standalone/releases/download/";

/// An interpreter that cannot be pinned.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The releases cannot be reached.
    #[error("python-build-standalone's releases cannot be read")]
    #[diagnostic(help(
        "name a mirror in envlock.toml ([python] mirror = \"https://…\", with latest-release.json, \
         python-build-standalone.ndjson and TAG/SHA256SUMS below it), or take the base image's own: [python] source = \"base\""
    ))]
    Net(#[source] net::Error),
    /// A file there cannot be parsed.
    #[error("{url} cannot be read: {cause}")]
    #[diagnostic(help(
        "if this is a mirror, copy the file again; a mirror must have the project's layout"
    ))]
    Malformed {
        /// The file.
        url: Box<Url>,
        /// Why not.
        cause: String,
    },
    /// No release has such a Python.
    #[error("the release {release} has no Python {requested} for {platform}, only {found}{listed}")]
    #[diagnostic(help(
        "ask for one of these in envlock.toml ([python] version), or take the base image's own: \
         [python] source = \"base\""
    ))]
    NoSuchPython {
        /// The release.
        release: String,
        /// `3.14` or `3.14.2`
        requested: PythonRequest,
        /// The platform.
        platform: Platform,
        /// The versions it has.
        found: String,
        /// The result of reading the list of all releases.
        listed: String,
    },
}

impl Error {
    /// The error with its cause, in one line.
    fn in_full(&self) -> String {
        match self {
            Error::Net(cause) => cause.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether nothing answered: the version may exist, and cannot be pinned now.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Error::Net(error) if error.is_unreachable())
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Net(_) | Error::Malformed { .. } => Exit::Network,
            Error::NoSuchPython { .. } => Exit::Unsatisfiable,
        }
    }
}

/// The newest patch release of `X.Y`, or exactly `X.Y.Z`: its full version and its archive with the sha256 that the
/// project states. The newest release is read first; where it lacks the version (it has one patch of each `X.Y`, which
/// may be a release candidate), the list of all releases is read. A pre-release is taken where no release has a final version.
///
/// # Errors
/// [`Error::Net`], [`Error::Malformed`], [`Error::NoSuchPython`].
pub async fn pin(
    client: &net::Client,
    requested: &PythonRequest,
    platform: Platform,
    mirror: Option<&Url>,
) -> Result<(Version, PythonArchive), Error> {
    let (release, archives) = newest_release(client, platform, mirror).await?;
    if let Some(found) = newest_final(&archives, requested) {
        return Ok(found.clone());
    }
    let listed = match all_releases(client, platform, mirror).await {
        Ok(all) => newest(&all, requested)
            .cloned()
            .ok_or_else(|| "; no earlier release has it either".into()),
        Err(error) if error.is_unreachable() => return Err(error),
        Err(error) => Err(format!(
            "; and the list of all releases, one of which may have it, cannot be read: {}",
            error.in_full()
        )),
    };
    listed.map_err(|listed| {
        let versions: Vec<_> = archives.iter().map(|(version, _)| version.to_string()).collect();
        let (requested, found) = (requested.clone(), versions.join(", "));
        Error::NoSuchPython { release, requested, platform, found, listed }
    })
}

async fn newest_release(
    client: &net::Client,
    platform: Platform,
    mirror: Option<&Url>,
) -> Result<(String, Vec<Archive>), Error> {
    let latest_url = below(mirror, LATEST, "latest-release.json");
    let latest: Latest = serde_json::from_str(&text(client, &latest_url).await?)
        .map_err(|e| Error::Malformed { url: latest_url.into(), cause: e.to_string() })?;
    let sums_url = below(mirror, RELEASES, &format!("{}/SHA256SUMS", latest.tag));
    let archives = archives(&text(client, &sums_url).await?, &latest.tag, platform);
    if archives.is_empty() {
        let cause = format!("it lists no interpreter of the release {}", latest.tag);
        return Err(Error::Malformed { url: sums_url.into(), cause });
    }
    Ok((latest.tag, archives))
}

async fn all_releases(
    client: &net::Client,
    platform: Platform,
    mirror: Option<&Url>,
) -> Result<Vec<Archive>, Error> {
    let url = below(mirror, ALL, "python-build-standalone.ndjson");
    let list = text(client, &url).await?;
    archives_of_all(&list, platform).map_err(|cause| Error::Malformed { url: url.into(), cause })
}

/// The URL of a pinned archive.
pub fn url(archive: &PythonArchive, mirror: Option<&Url>) -> Url {
    let mut url = below(mirror, RELEASES, &archive.release);
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(&archive.file);
    }
    url
}

async fn text(client: &net::Client, url: &Url) -> Result<String, Error> {
    let (_, bytes) =
        client.get(url, &HeaderMap::new()).await.map_err(|error| Error::Net(error.into()))?;
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|e| Error::Malformed { url: net::redacted(url).into(), cause: e.to_string() })
}

/// `path` below the mirror, or below the project's own `base`.
fn below(mirror: Option<&Url>, base: &str, path: &str) -> Url {
    let own = || login::parse(base).expect("the project's own address is a URL").0;
    let mut url = mirror.cloned().unwrap_or_else(own);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn an_archive_has_an_address_at_the_project_and_at_a_mirror() {
        let archive = PythonArchive {
            release: "20260203".to_owned(),
            file: "cpython-3.14.3+20260203-x86.tar.gz".to_owned(),
            sha256: Sha256::of("x"),
        };
        let own = url(&archive, None);
        assert!(own.as_str().starts_with(RELEASES), "{own}");
        assert!(own.path().ends_with("/20260203/cpython-3.14.3+20260203-x86.tar.gz"), "{own}");
        for mirror in ["https://mirror.example/pbs", "https://mirror.example/pbs/"] {
            let mirror = Url::parse(mirror).unwrap();
            let file = "https://mirror.example/pbs/20260203/cpython-3.14.3+20260203-x86.tar.gz";
            assert_eq!(url(&archive, Some(&mirror)).as_str(), file);
        }
    }
}
