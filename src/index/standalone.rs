//! Pins CPython from python-build-standalone's releases, or a mirror of them. The edge; what its
//! files say is read by `standalone_release`.

use miette::Diagnostic;
use pep440_rs::Version;
use reqwest::header::HeaderMap;
use thiserror::Error;
use url::Url;

use super::standalone_release::{Latest, archives, newest};
use crate::exit::{Classified, Exit};
use crate::lock::PythonArchive;
use crate::spec::PythonRequest;
use crate::{login, net};

/// Where the project publishes which release is the newest, without GitHub's rate-limited API.
const LATEST: &str =
    "https://raw.githubusercontent.com/astral-sh/python-build-standalone/latest-release/";

/// Below it: `TAG/SHA256SUMS` and `TAG/FILE`.
const RELEASES: &str = "https://github.com/astral-sh/python-build-standalone/releases/download/";

/// An interpreter that cannot be pinned.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The releases cannot be reached.
    #[error("python-build-standalone's releases cannot be read")]
    #[diagnostic(help(
        "name a mirror in envlock.toml ([python] mirror = \"https://…\", with latest-release.json \
         and TAG/SHA256SUMS below it), or take the base image's own: [python] source = \"base\""
    ))]
    Net(#[source] net::Error),
    /// A file there is not what it should be.
    #[error("{url} cannot be read: {cause}")]
    #[diagnostic(help(
        "if this is a mirror, copy the file again; the project's layout is expected"
    ))]
    Malformed {
        /// The file.
        url: Box<Url>,
        /// Why not.
        cause: String,
    },
    /// The newest release has no such Python.
    #[error("the release {release} has no Python {wanted} for x86_64 Linux, only {found}")]
    #[diagnostic(help(
        "ask for one of these in envlock.toml ([python] version), or take the base image's own: \
         [python] source = \"base\""
    ))]
    NoSuchPython {
        /// The release.
        release: String,
        /// `3.14` or `3.14.2`
        wanted: PythonRequest,
        /// What it has.
        found: String,
    },
}

impl Error {
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

/// The newest patch release of `X.Y`, or exactly `X.Y.Z`, in the newest release: its full version
/// and its archive with the sha256 of the release's SHA256SUMS.
pub async fn pin(
    client: &net::Client,
    wanted: &PythonRequest,
    mirror: Option<&Url>,
) -> Result<(Version, PythonArchive), Error> {
    let latest_url = below(mirror, LATEST, "latest-release.json");
    let latest: Latest = serde_json::from_str(&text(client, &latest_url).await?)
        .map_err(|e| Error::Malformed { url: latest_url.into(), cause: e.to_string() })?;
    let sums_url = below(mirror, RELEASES, &format!("{}/SHA256SUMS", latest.tag));
    let sums = text(client, &sums_url).await?;
    let archives = archives(&sums, &latest.tag);
    if archives.is_empty() {
        let cause = format!("it lists no interpreter of the release {}", latest.tag);
        return Err(Error::Malformed { url: sums_url.into(), cause });
    }
    newest(&archives, wanted).cloned().ok_or_else(|| {
        let versions: Vec<_> = archives.iter().map(|(version, _)| version.to_string()).collect();
        let (release, found) = (latest.tag, versions.join(", "));
        Error::NoSuchPython { release, wanted: wanted.clone(), found }
    })
}

/// Where a pinned archive is.
pub fn url(archive: &PythonArchive, mirror: Option<&Url>) -> Url {
    let mut url = below(mirror, RELEASES, &archive.release);
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(&archive.file);
    }
    url
}

async fn text(client: &net::Client, url: &Url) -> Result<String, Error> {
    let (_, bytes) = client.get(url, &HeaderMap::new()).await.map_err(Error::Net)?;
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
