//! Where an image came from: an in-toto statement with a SLSA v1 provenance (slsa.dev/spec/v1.0/provenance). Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::digest::{Digest, Sha256};
use crate::lock::Lock;
use crate::reference::PinnedReference;
use crate::spec::{GroupName, ImageName};

/// in-toto.io/Statement/v1
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The predicate's type.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// The build type, which defines what `externalParameters` mean.
const BUILD_TYPE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/build/v1");

/// How an image was built.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The image.
    pub image: &'a PinnedReference,
    /// The spec's name for it.
    pub name: &'a ImageName,
    /// The groups it is made of, those of the images it continues included.
    pub groups: &'a [GroupName],
    /// The image under it.
    pub base: &'a PinnedReference,
    /// What it was built from.
    pub lock: &'a Lock,
    /// The lock's bytes, as they are released.
    pub lock_text: &'a str,
    /// `layers`, `dockerfile`
    pub engine: &'a str,
    /// The run: its builder, commit and times.
    pub run: &'a RunFacts,
}

/// The run that built an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// When it began.
    pub started: Timestamp,
    /// When the images were there.
    pub finished: Timestamp,
    /// The git commit of the project folder.
    pub commit: Option<String>,
    /// Where that commit is: `https://github.com/team/project`
    pub source: Option<String>,
    /// The job's address, where a job runs it.
    pub invocation: Option<String>,
    /// The service that runs the job; `None`: envlock outside of CI.
    pub builder: Option<String>,
}

impl Origin<'_> {
    /// Of the lock's bytes.
    pub fn lock_sha256(&self) -> Sha256 {
        Sha256::of(self.lock_text)
    }
}

/// The statement: the image, and [`predicate`] about it.
pub fn provenance(origin: Origin) -> Value {
    let name = format!("{}/{}", origin.image.registry(), origin.image.repository());
    json!({
        "_type": STATEMENT,
        "subject": [{ "name": name, "digest": digest_set(origin.image.digest()) }],
        "predicateType": PROVENANCE,
        "predicate": predicate(origin),
    })
}

/// The predicate: what the statement says of the image.
pub fn predicate(origin: Origin) -> Value {
    let Origin { lock, run, .. } = origin;
    let lock_sha256 = sha256(origin.lock_sha256());
    let mut materials = vec![
        json!({ "name": crate::lock::FILE_NAME, "digest": lock_sha256 }),
        json!({ "name": "base image", "uri": oci(origin.base), "digest": digest_set(origin.base.digest()) }),
    ];
    if let Some(commit) = &run.commit {
        let mut source = json!({ "name": "project", "digest": { "gitCommit": commit } });
        if let Some(place) = &run.source {
            source["uri"] = json!(format!("git+{place}"));
        }
        materials.push(source);
    }
    if let Some(archive) = &lock.python.archive {
        materials.push(json!({ "name": archive.file, "digest": sha256(archive.sha256) }));
    }
    let inside = lock.packages.iter().filter(|package| origin.groups.contains(&package.group));
    materials.extend(inside.map(|p| json!({ "name": p.file, "digest": sha256(p.sha256) })));
    let mut metadata =
        json!({ "startedOn": run.started.to_string(), "finishedOn": run.finished.to_string() });
    if let Some(invocation) = &run.invocation {
        metadata["invocationId"] = json!(invocation);
    }
    let builder = run.builder.clone();
    let builder = builder.unwrap_or_else(|| env!("CARGO_PKG_REPOSITORY").to_owned());
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "image": origin.name, "groups": origin.groups,
                "lock": { "name": crate::lock::FILE_NAME, "digest": lock_sha256 },
            },
            "internalParameters": {
                "engine": origin.engine,
                "platform": lock.target.platform,
                "sourceDateEpoch": lock.target.source_date_epoch,
            },
            "resolvedDependencies": materials,
        },
        "runDetails": {
            "builder": { "id": builder, "version": { "envlock": env!("CARGO_PKG_VERSION") } },
            "metadata": metadata,
        },
    })
}

fn sha256(hash: Sha256) -> Value {
    digest_set(hash.into())
}

/// in-toto's DigestSet: the hex digits by the name of their algorithm.
fn digest_set(digest: Digest) -> Value {
    json!({ (digest.algorithm().name()): digest.hex() })
}

fn oci(image: &PinnedReference) -> String {
    format!("oci://{}/{}@{}", image.registry(), image.repository(), image.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_went_in_is_named_with_its_hash() {
        let lock = crate::lock::sample();
        let pin = |name: &str| PinnedReference::new("r.example", name, Digest::of(name));
        let (image, base) = (pin("team/ray-runtime"), pin("base"));
        let run = RunFacts { commit: Some("c0ffee".to_owned()), ..RunFacts::default() };
        let groups = ["ray".parse().unwrap()];
        let origin = Origin {
            image: &image,
            name: &"ray-runtime".parse().unwrap(),
            groups: &groups,
            base: &base,
            lock: &lock,
            lock_text: "lock",
            engine: "layers",
            run: &run,
        };
        let statement = provenance(origin);
        assert_eq!(statement["subject"][0]["digest"]["sha256"], image.digest().hex());
        let materials = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
        let names: Vec<_> =
            materials.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
        let ray = lock.packages.iter().find(|p| p.name.as_ref() == "ray").unwrap();
        assert_eq!(names, ["env.lock", "base image", "project", &ray.file]);
        assert_eq!(materials[3]["digest"]["sha256"], ray.sha256.to_string());
    }
}
