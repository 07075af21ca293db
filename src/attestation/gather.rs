//! Fetches everything that is known of an image: its documents, and the artifacts beside it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde_json::Value;

use super::cosign::is_nothing;
use super::kinds::{BUNDLE, SBOM, STATEMENT};
use super::{Attested, Cosign, Error};
use crate::base_image;
use crate::digest::{Digest, Sha256};
use crate::export::PROVENANCE;
use crate::image::Repository;
use crate::lock::{self, BaseDigests, Lock};
use crate::reference::PinnedReference;
use crate::registry::{Client, Found, Manifest, Referrer};
use crate::release::{self, History};
use crate::retention::{LOCK, RELEASE};

/// The label with the hash of the lock.
const LABEL: &str = "dev.envlock.lock.sha256";
/// The label with the base image.
const BASE: &str = "org.opencontainers.image.base.name";

/// What is known of an image. All documents were checked against their digests.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The image.
    pub image: PinnedReference,
    /// Its manifest; every blob in it is there with its size.
    pub manifest: Manifest,
    /// Its config.
    pub config: Value,
    /// The artifacts beside it.
    pub referrers: Vec<Referrer>,
    /// The releases it is recorded in, sorted.
    pub releases: BTreeSet<u64>,
    /// The locks beside it, with the kind of artifact each is from.
    pub locks: Vec<(String, String)>,
    /// The bills of materials beside it.
    pub sboms: Vec<Value>,
    /// The in-toto statements beside it.
    pub statements: Vec<Value>,
    /// The layers of its base, or why they are not known.
    pub base_layers: Result<Vec<Digest>, String>,
    /// What cosign says; `None`: `[sign]` does not say whose signatures count.
    pub signed: Option<Signed>,
}

/// What cosign says of an image; else why not.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Whether there is a signature of the key or identity in the spec.
    pub signature: Result<(), String>,
    /// The provenances that were signed.
    pub provenance: Result<Vec<Value>, String>,
    /// The bills of materials that were signed.
    pub sbom: Result<Vec<Value>, String>,
}

/// A lock that is an image's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFound {
    /// Byte for byte.
    pub text: String,
    /// What it says.
    pub lock: Lock,
    /// Where it was found, as messages say it.
    pub from: String,
}

impl Evidence {
    /// A label of the image.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config["config"]["Labels"][name].as_str()
    }

    /// The hash of the lock it was built from, from the image's label.
    pub fn lock_sha256(&self) -> Option<&str> {
        self.label(LABEL)
    }

    /// The image it continues, from the image's label.
    pub fn base(&self) -> Option<PinnedReference> {
        self.label(BASE)?.parse().ok()
    }

    /// Whether a lock is the one that the image says it was built from: its bytes, or its choice without the layers
    /// that were made of it, have the hash.
    pub fn is_of(&self, text: &str) -> Option<Lock> {
        let expected = self.lock_sha256()?;
        let lock = lock::parse(text).ok()?;
        let hashes = [Sha256::of(text), Sha256::of(lock::render(&lock.choice()))];
        hashes.iter().any(|hash| hash.to_string() == expected).then_some(lock)
    }

    /// The groups in it, as its provenance states.
    pub fn groups(&self) -> Option<Vec<String>> {
        let ours = self.statements.iter().find(|s| s["predicateType"] == PROVENANCE)?;
        let groups = &ours["predicate"]["buildDefinition"]["externalParameters"]["groups"];
        let word = |group: &Value| group.as_str().unwrap_or_default().to_owned();
        Some(groups.as_array()?.iter().map(word).collect())
    }

    /// How many signatures and signed statements lie beside it, by any signer.
    pub fn bundles(&self) -> usize {
        self.referrers.iter().filter(|found| is_bundle(found)).count()
    }
}

fn is_bundle(found: &Referrer) -> bool {
    // cosign's own lists for old registries name the config's type instead.
    found.artifact_type == BUNDLE || found.artifact_type == "application/vnd.oci.empty.v1+json"
}

/// Everything about an image.
///
/// # Errors
/// The image is not there, or not whole ([`crate::registry::Error`]).
pub async fn gather(
    client: &Client,
    image: &PinnedReference,
    cosign: Option<&Cosign>,
) -> Result<Evidence, Error> {
    let place = Repository::of(image);
    let manifest = client.read_back(image).await?.manifests.into_iter().next();
    let manifest = manifest.ok_or_else(|| Error::Empty { image: image.to_string() })?;
    let config = client.part(image, &manifest.config).await?;
    let config: Value = serde_json::from_slice(&config)
        .map_err(|cause| Error::NoConfig { image: image.to_string(), source: cause })?;
    let referrers = client.referrers(image).await?;
    let mut evidence = Evidence {
        image: image.clone(),
        manifest,
        config,
        releases: BTreeSet::new(),
        locks: Vec::new(),
        sboms: Vec::new(),
        statements: Vec::new(),
        base_layers: Err("the image does not name its base".to_owned()),
        signed: None,
        referrers,
    };
    let ours: Vec<_> =
        evidence.referrers.iter().filter(|found| !is_bundle(found)).cloned().collect();
    for referrer in &ours {
        let Some(found) = client.artifact(&place, &referrer.digest.to_string()).await? else {
            continue;
        };
        if found.subject != Some(image.digest()) {
            continue;
        }
        match found.artifact_type.as_str() {
            LOCK | RELEASE => {
                let number = found.annotations.get("dev.envlock.release");
                evidence.releases.extend(number.and_then(|n| n.parse::<u64>().ok()));
                if let Some(text) = text(client, &found, LOCK).await? {
                    evidence.locks.push((text, found.artifact_type));
                }
            }
            SBOM => evidence.sboms.push(json(text(client, &found, SBOM).await?)),
            STATEMENT => evidence.statements.push(json(text(client, &found, STATEMENT).await?)),
            _ => {}
        }
    }
    if let Some(base) = evidence.base() {
        evidence.base_layers = base_layers(client, &base).await;
    }
    if let Some(cosign) = cosign {
        evidence.signed = Some(Signed {
            signature: heard(cosign, cosign.verify(image).await)?,
            provenance: heard(cosign, cosign.attestations(image, Attested::Provenance).await)?,
            sbom: heard(cosign, cosign.attestations(image, Attested::Sbom).await)?,
        });
    }
    Ok(evidence)
}

/// No valid signature is a result; a cosign that failed is an error.
fn heard<T>(cosign: &Cosign, answer: Result<T, Error>) -> Result<Result<T, String>, Error> {
    match answer {
        Err(error) if !cosign.says_who() || is_nothing(&error) => Ok(Err(error.to_string())),
        answer => answer.map(Ok),
    }
}

async fn text(client: &Client, found: &Found, kind: &str) -> Result<Option<String>, Error> {
    let bytes = client.content(found, kind).await?;
    // Bytes that are not UTF-8 are read lossily: they then differ from anything envlock writes.
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// A document that cannot be read counts as an empty one.
fn json(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

async fn base_layers(client: &Client, base: &PinnedReference) -> Result<Vec<Digest>, String> {
    let digest = base.digest();
    let digests = BaseDigests { index_digest: digest, platform_digest: digest };
    let found = base_image::read(client, &base.to_string(), digests).await;
    let layers =
        |image: base_image::BaseImage| image.manifest.layers.iter().map(|l| l.digest).collect();
    found.map(layers).map_err(|error| error.to_string())
}

/// The lock that an image was built from: beside it in the registry, else from the copies of this project.
///
/// # Errors
/// [`Error::NoLock`], [`Error::OtherLock`].
pub fn lock_of(
    evidence: &Evidence,
    folder: &Utf8Path,
    history: &History,
) -> Result<LockFound, Error> {
    let image = evidence.image.to_string();
    let (Some(label), false) = (evidence.lock_sha256(), evidence.image.repository().is_empty())
    else {
        return Err(Error::NoLock { image });
    };
    for (text, from) in &evidence.locks {
        if let Some(lock) = evidence.is_of(text) {
            return Ok(LockFound {
                text: text.clone(),
                lock,
                from: format!("beside the image ({from})"),
            });
        }
    }
    let recorded = history.records.iter().filter(|record| {
        record.images.values().any(|known| known.digest() == evidence.image.digest())
    });
    let hashes: BTreeMap<Sha256, ()> =
        recorded.filter_map(|r| r.lock).chain(label.parse().ok()).map(|sha| (sha, ())).collect();
    for sha256 in hashes.into_keys() {
        let text = release::find_lock(folder, sha256).ok().and_then(|b| String::from_utf8(b).ok());
        if let Some(text) = text
            && let Some(lock) = evidence.is_of(&text)
        {
            return Ok(LockFound { text, lock, from: "this project's own copies".to_owned() });
        }
    }
    match evidence.locks.first() {
        Some((other, _)) => {
            let (expected, found) = (label.to_owned(), Sha256::of(other).to_string());
            Err(Error::OtherLock { image, expected, found })
        }
        None => Err(Error::NoLock { image }),
    }
}
