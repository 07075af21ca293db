//! What an index offers for one project, without what cannot run on the target.

use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};
use url::Url;

use super::file_of;
use super::lazy::LazyJson;
use crate::digest::{Sha256, Stated};
use crate::lock::Location;
use crate::spec::SourceName;

/// What a source has of one project, for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "CachedProject", into = "CachedProject")]
pub struct Project {
    /// Normalized.
    pub name: PackageName,
    /// The source that answered.
    pub source: SourceName,
    /// The best wheel of each version, newest version first. Never an sdist.
    pub candidates: Vec<Candidate>,
    /// The versions without a usable wheel, newest first, and why.
    pub skipped: Vec<Skipped>,
    /// Why its index quarantined it (PEP 792), where it did.
    pub quarantined: Option<String>,
    /// The files that would run here and are yanked (PEP 592): files, not versions.
    pub withdrawn: Vec<String>,
}

/// A wheel that can be installed on the target. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Normalized.
    pub name: PackageName,
    /// As in the file name, local part included.
    pub version: Version,
    /// PEP 592, of the wheel itself, where no other wheel of this version runs here. Only a `==` may choose it.
    pub yanked: bool,
    /// PEP 700 or data-upload-time.
    pub uploaded: Option<Timestamp>,
    wheel: Arc<LazyJson<WheelFile>>,
}

impl Candidate {
    /// A candidate whose wheel is the best of its version.
    pub fn new(
        name: PackageName,
        version: Version,
        yanked: bool,
        uploaded: Option<Timestamp>,
        wheel: WheelFile,
    ) -> Self {
        Candidate { name, version, yanked, uploaded, wheel: Arc::new(wheel.into()) }
    }
}

impl Deref for Candidate {
    type Target = WheelFile;

    fn deref(&self) -> &WheelFile {
        &self.wheel
    }
}

/// The file of a [`Candidate`], as its page states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "CachedFile", into = "CachedFile")]
pub struct WheelFile {
    /// The wheel's file name, decoded (`+`, not `%2B`).
    pub file: String,
    /// Where it can be fetched now, without fragment.
    pub url: Url,
    /// The part of `url` that goes into the lock.
    pub location: Location,
    /// As the page states it; not verified before the bytes were hashed.
    pub sha256: Option<Sha256>,
    /// The hashes that the page states by other algorithms; checked wherever the bytes are read.
    pub stated: Vec<Stated>,
    /// Bytes, when the page says so.
    pub size: Option<u64>,
    /// Data-requires-python; wheels that exclude the target are left out already.
    pub requires_python: Option<VersionSpecifiers>,
    /// PEP 658.
    pub sidecar: Sidecar,
}

/// A [`Project`] in the cache. The rest of its wheels is parsed when it is used.
#[derive(Serialize, Deserialize)]
struct CachedProject {
    name: PackageName,
    source: SourceName,
    candidates: Vec<CachedCandidate>,
    skipped: Vec<Skipped>,
    quarantined: Option<String>,
    withdrawn: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct CachedCandidate(Version, bool, Option<Timestamp>, Arc<LazyJson<WheelFile>>);

impl From<Project> for CachedProject {
    fn from(project: Project) -> Self {
        let Project { name, source, candidates, skipped, quarantined, withdrawn } = project;
        let cached = |c: Candidate| CachedCandidate(c.version, c.yanked, c.uploaded, c.wheel);
        let candidates = candidates.into_iter().map(cached).collect();
        CachedProject { name, source, candidates, skipped, quarantined, withdrawn }
    }
}

impl From<CachedProject> for Project {
    fn from(cached: CachedProject) -> Self {
        let CachedProject { name, source, candidates, skipped, quarantined, withdrawn } = cached;
        let candidates = candidates.into_iter().map(|cached| {
            let CachedCandidate(version, yanked, uploaded, wheel) = cached;
            Candidate { name: name.clone(), version, yanked, uploaded, wheel }
        });
        let candidates = candidates.collect();
        Project { name, source, candidates, skipped, quarantined, withdrawn }
    }
}

/// A [`WheelFile`] in the cache: name and path only where they are not those of its URL.
#[derive(Serialize, Deserialize)]
struct CachedFile(
    Url,
    Option<String>,
    Option<String>,
    SourceName,
    Option<Sha256>,
    Vec<Stated>,
    Option<u64>,
    Option<VersionSpecifiers>,
    Sidecar,
);

impl From<WheelFile> for CachedFile {
    fn from(wheel: WheelFile) -> Self {
        let WheelFile { file, url, location, sha256, stated, size, requires_python, sidecar } =
            wheel;
        let own_file = (file != file_of(&url.as_str().into())).then_some(file);
        let own_path = (location.path != url.path()).then_some(location.path);
        let source = location.source;
        CachedFile(url, own_file, own_path, source, sha256, stated, size, requires_python, sidecar)
    }
}

impl From<CachedFile> for WheelFile {
    fn from(cached: CachedFile) -> Self {
        let CachedFile(url, file, path, source, sha256, stated, size, requires_python, sidecar) =
            cached;
        let file = file.unwrap_or_else(|| file_of(&url.as_str().into()).into_owned());
        let path = path.unwrap_or_else(|| url.path().to_owned());
        let location = Location { source, path };
        WheelFile { file, url, location, sha256, stated, size, requires_python, sidecar }
    }
}

/// Whether a `.metadata` file stands beside the wheel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sidecar {
    /// Not announced.
    None,
    /// Announced without a hash.
    Unhashed,
    /// Announced with the hash of its bytes.
    Hashed(Sha256),
}

/// A version that cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub version: Version,
    /// Why not: a [`Skip`].
    pub why: LazyJson<Skip>,
}

/// Why a version cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Skip {
    /// Only a source distribution.
    NoWheel,
    /// Wheels, but none for this Python, platform or glibc; what there is instead (`cp313`, …).
    NoMatchingWheel(Vec<String>),
    /// Requires-Python excludes the target.
    RequiresPython(VersionSpecifiers),
    /// Uploaded at this time, which is not before the cut-off.
    TooNew(Timestamp),
    /// The file name is not a wheel's, or its version not PEP 440.
    Unreadable(String),
    /// A rule of the spec forbids it; the text follows the version in a sentence.
    Ruled(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of entries are parsed when they cannot be requested again: a change of this shape needs a new number in
    /// `cache::FORMAT`.
    #[test]
    fn a_project_in_the_cache_has_the_shape_of_its_format() {
        let wheel = |file: &str, path: &str| WheelFile {
            file: file.to_owned(),
            url: "https://files.example/a/app-1.0%2Bcu130-py3-none-any.whl".parse().unwrap(),
            location: Location { source: "pypi".parse().unwrap(), path: path.to_owned() },
            sha256: None,
            stated: vec![],
            size: Some(7),
            requires_python: Some(">=3.10".parse().unwrap()),
            sidecar: Sidecar::Unhashed,
        };
        let candidate = |wheel| {
            let uploaded = "2026-11-01T00:00:00.123456Z".parse().ok();
            Candidate::new(
                "app".parse().unwrap(),
                "1.0+cu130".parse().unwrap(),
                true,
                uploaded,
                wheel,
            )
        };
        let derived =
            wheel("app-1.0+cu130-py3-none-any.whl", "/a/app-1.0%2Bcu130-py3-none-any.whl");
        let skipped = [Skip::NoWheel, Skip::NoMatchingWheel(vec!["cp313".to_owned()])];
        let skipped =
            skipped.map(|why| Skipped { version: "0.9".parse().unwrap(), why: why.into() });
        let project = Project {
            name: "app".parse().unwrap(),
            source: "pypi".parse().unwrap(),
            candidates: vec![candidate(derived), candidate(wheel("own.whl", "/own"))],
            skipped: skipped.to_vec(),
            quarantined: None,
            withdrawn: vec!["x.whl".to_owned()],
        };
        let text = serde_json::to_string(&project).unwrap();
        let url = "https://files.example/a/app-1.0%2Bcu130-py3-none-any.whl";
        let time = "2026-11-01T00:00:00.123456Z";
        let rest = r#""pypi",null,[],7,">=3.10","Unhashed""#;
        assert_eq!(
            text,
            format!(
                r#"{{"name":"app","source":"pypi","candidates":[["1.0+cu130",true,"{time}",["{url}",null,null,{rest}]],["1.0+cu130",true,"{time}",["{url}","own.whl","/own",{rest}]]],"skipped":[{{"version":"0.9","why":"NoWheel"}},{{"version":"0.9","why":{{"NoMatchingWheel":["cp313"]}}}}],"quarantined":null,"withdrawn":["x.whl"]}}"#
            )
        );
        let read: Project = serde_json::from_str(&text).unwrap();
        assert_eq!(read, project);
        // Parts that were not parsed are written as they were.
        assert_eq!(serde_json::to_string(&read.clone()).unwrap(), text);
    }
}
