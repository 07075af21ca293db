//! What an index offers for one project, after everything that cannot run on the target is gone.

use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};
use url::Url;

use super::file_of;
use super::lazily::Lazily;
use crate::digest::{Sha256, Stated};
use crate::lock::Location;
use crate::spec::SourceName;

/// What a source has of one project, for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "KeptProject", into = "KeptProject")]
pub struct Project {
    /// Normalized.
    pub name: PackageName,
    /// The source that answered.
    pub source: SourceName,
    /// The best wheel of each version, newest version first. Never an sdist.
    pub candidates: Vec<Candidate>,
    /// The versions without a usable wheel, newest first, and why.
    pub skipped: Vec<Skipped>,
    /// Why its index keeps all files of it back (PEP 792), where it does.
    pub quarantined: Option<String>,
    /// The files that would run here and were withdrawn (PEP 592): one by one, not a version at a time.
    pub withdrawn: Vec<String>,
}

/// A wheel that can be installed on the target. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Normalized.
    pub name: PackageName,
    /// As in the file name, local part included.
    pub version: Version,
    /// PEP 592, of the wheel itself: there is no other of this version that runs here. Only a `==` may choose it.
    pub yanked: bool,
    /// PEP 700 or data-upload-time.
    pub uploaded: Option<Timestamp>,
    wheel: Arc<Lazily<WheelFile>>,
}

impl Candidate {
    /// Of the file that is the best of its version.
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
#[serde(from = "KeptFile", into = "KeptFile")]
pub struct WheelFile {
    /// The wheel's file name, decoded (`+`, not `%2B`).
    pub file: String,
    /// Where it can be fetched now, without fragment.
    pub url: Url,
    /// What the lock remembers of `url`.
    pub location: Location,
    /// As the page states it; unproven until the bytes were hashed.
    pub sha256: Option<Sha256>,
    /// What the page states in other algorithms; held to wherever the bytes are read.
    pub stated: Vec<Stated>,
    /// Bytes, when the page says so.
    pub size: Option<u64>,
    /// Data-requires-python; wheels that exclude the target are already gone.
    pub requires_python: Option<VersionSpecifiers>,
    /// PEP 658.
    pub sidecar: Sidecar,
}

/// A [`Project`] in the cache. Versions are read with it, the rest of its wheels when they are looked at.
#[derive(Serialize, Deserialize)]
struct KeptProject {
    name: PackageName,
    source: SourceName,
    candidates: Vec<KeptCandidate>,
    skipped: Vec<Skipped>,
    quarantined: Option<String>,
    withdrawn: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct KeptCandidate(Version, bool, Option<Timestamp>, Arc<Lazily<WheelFile>>);

impl From<Project> for KeptProject {
    fn from(project: Project) -> Self {
        let Project { name, source, candidates, skipped, quarantined, withdrawn } = project;
        let kept = |c: Candidate| KeptCandidate(c.version, c.yanked, c.uploaded, c.wheel);
        let candidates = candidates.into_iter().map(kept).collect();
        KeptProject { name, source, candidates, skipped, quarantined, withdrawn }
    }
}

impl From<KeptProject> for Project {
    fn from(kept: KeptProject) -> Self {
        let KeptProject { name, source, candidates, skipped, quarantined, withdrawn } = kept;
        let candidates = candidates.into_iter().map(|kept| {
            let KeptCandidate(version, yanked, uploaded, wheel) = kept;
            Candidate { name: name.clone(), version, yanked, uploaded, wheel }
        });
        let candidates = candidates.collect();
        Project { name, source, candidates, skipped, quarantined, withdrawn }
    }
}

/// A [`WheelFile`] in the cache: name and path only where they are not those of its address.
#[derive(Serialize, Deserialize)]
struct KeptFile(
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

impl From<WheelFile> for KeptFile {
    fn from(wheel: WheelFile) -> Self {
        let WheelFile { file, url, location, sha256, stated, size, requires_python, sidecar } =
            wheel;
        let own_file = (file != file_of(&url.as_str().into())).then_some(file);
        let own_path = (location.path != url.path()).then_some(location.path);
        let source = location.source;
        KeptFile(url, own_file, own_path, source, sha256, stated, size, requires_python, sidecar)
    }
}

impl From<KeptFile> for WheelFile {
    fn from(kept: KeptFile) -> Self {
        let KeptFile(url, file, path, source, sha256, stated, size, requires_python, sidecar) =
            kept;
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
    pub why: Lazily<Skip>,
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
    /// Uploaded at this moment, which is not before the cut-off.
    TooNew(Timestamp),
    /// The file name is not a wheel's, or its version not PEP 440.
    Unreadable(String),
    /// A rule of the spec forbids it; what follows the version in a sentence. No index says so.
    Ruled(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of entries are read when nothing can be asked again: whoever changes this shape moves the number in
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
        // What was read in parts is written as it was.
        assert_eq!(serde_json::to_string(&read.clone()).unwrap(), text);
    }
}
