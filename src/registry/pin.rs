//! Tag → digests.

use bytes::Bytes;
use reqwest::header::HeaderMap;

use super::address::Address;
use super::model::{Document, ImageConfig, Manifest};
use super::{Client, Descriptor, Error};
use crate::digest::Digest;
use crate::lock::BaseDigests;
use crate::platform::Platform;
use crate::reference::{self, PinnedReference};

/// A manifest or index whose bytes were hashed.
pub(super) struct Proven {
    /// Who answered.
    pub(super) address: Address,
    pub(super) digest: Digest,
    pub(super) document: Document,
    pub(super) bytes: Bytes,
}

/// An image's documents as its registry has them, proven by their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Who answered, where its layers can be copied or mounted from: `HOST[:PORT]`, a mirror's where one answered.
    pub registry: String,
    /// The repository there.
    pub repository: String,
    /// The manifest, read.
    pub manifest: Manifest,
    /// The manifest's bytes.
    pub manifest_bytes: Bytes,
    /// The config's bytes.
    pub config_bytes: Bytes,
}

impl Client {
    /// What a reference means now: the digest it names and the image for `platform` below it (the
    /// same when it names one image). A reference with a digest is checked to be what it says.
    ///
    /// Errors: [`Error::is_unreachable`] when neither the registry nor its mirror answers,
    /// [`Error::NoPlatform`], [`Error::Integrity`].
    pub async fn pin(&self, text: &str, platform: Platform) -> Result<BaseDigests, Error> {
        let parsed = reference::parse(text)?;
        let expected = match parsed.digest() {
            Some(digest) => {
                let digest = digest.parse::<Digest>();
                Some(digest.map_err(|_| reference::BadReference::NoDigest(text.to_owned()))?)
            }
            None => None,
        };
        let name = match expected {
            Some(digest) => digest.to_string(),
            None => parsed.tag().unwrap_or("latest").to_owned(),
        };
        let address = Address::new(parsed.registry(), parsed.repository(), text);
        let top = self.proven(address, &name, expected).await?;
        let index_digest = top.digest;
        let image = match &top.document {
            Document::Image(_) => top,
            Document::Index(entries) => {
                let digest = entry_for(platform, entries, text)?.digest;
                self.proven_at(&top.address, &digest.to_string(), Some(digest)).await?
            }
        };
        let config = self.config_of(&image.address, image.manifest()?).await?;
        if !config.platform.fits(platform) {
            return Err(no_platform(text, platform, config.platform.name()));
        }
        Ok(BaseDigests { index_digest, platform_digest: image.digest })
    }

    /// The manifest and config of a pinned base, byte by byte; its layers are not read. Errors: as [`Client::pin`].
    pub async fn base_image(&self, text: &str, digests: BaseDigests) -> Result<BaseImage, Error> {
        let parsed = reference::parse(text)?;
        let address = Address::new(parsed.registry(), parsed.repository(), text);
        let digest = digests.platform_digest;
        let proven = self.proven(address, &digest.to_string(), Some(digest)).await?;
        let manifest = proven.manifest()?.clone();
        let config_bytes = self.config_bytes(&proven.address, &manifest).await?;
        Ok(BaseImage {
            registry: proven.address.name.clone(),
            repository: proven.address.repository.clone(),
            manifest,
            manifest_bytes: proven.bytes,
            config_bytes,
        })
    }

    /// The config of an image, with its labels.
    pub async fn config(&self, image: &PinnedReference) -> Result<ImageConfig, Error> {
        let address = Address::pinned(image);
        let digest = image.digest();
        let proven = self.proven_at(&address, &digest.to_string(), Some(digest)).await?;
        self.config_of(&address, proven.manifest()?).await
    }

    /// From the mirror of the registry, if it has one that answers, else from the registry.
    pub(super) async fn proven(
        &self,
        address: Address,
        name: &str,
        expected: Option<Digest>,
    ) -> Result<Proven, Error> {
        let mut last = address.not_found();
        for address in self.readable(address) {
            match self.proven_at(&address, name, expected).await {
                // Wrong bytes are an answer, and not one to pass over.
                Err(error) if address.mirror && !matches!(error, Error::Integrity { .. }) => {
                    tracing::info!(%error, "the mirror does not have it, asking the registry");
                    last = error;
                }
                result => return result,
            }
        }
        Err(last)
    }

    /// The manifest or index `name` (a tag or digest), hashed.
    pub(super) async fn proven_at(
        &self,
        address: &Address,
        name: &str,
        expected: Option<Digest>,
    ) -> Result<Proven, Error> {
        let fetched = self.document(address, &format!("manifests/{name}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| address.not_found())?;
        let digest = prove(address, "the manifest", &headers, &bytes, expected)?;
        self.note(address, digest, &bytes);
        let document = Document::parse(&bytes);
        let document = document.map_err(|cause| address.malformed("the manifest", cause))?;
        Ok(Proven { address: address.clone(), digest, document, bytes })
    }

    pub(super) async fn config_of(
        &self,
        address: &Address,
        manifest: &Manifest,
    ) -> Result<ImageConfig, Error> {
        let bytes = self.config_bytes(address, manifest).await?;
        serde_json::from_slice(&bytes).map_err(|cause| address.malformed("the config", cause))
    }

    async fn config_bytes(&self, address: &Address, manifest: &Manifest) -> Result<Bytes, Error> {
        let digest = manifest.config.digest;
        let fetched = self.document(address, &format!("blobs/{digest}")).await?;
        let (headers, bytes) = fetched.ok_or_else(|| address.missing(digest))?;
        prove(address, "the config", &headers, &bytes, Some(digest))?;
        Ok(bytes)
    }
}

impl Proven {
    pub(super) fn manifest(&self) -> Result<&Manifest, Error> {
        match &self.document {
            Document::Image(manifest) => Ok(manifest),
            Document::Index(_) => {
                let cause = "an image manifest was expected, this is an index";
                Err(self.address.malformed("the manifest", cause))
            }
        }
    }
}

impl Address {
    /// The registry of an image, never a mirror: what is asked of it is whether *it* has the image.
    pub(super) fn pinned(image: &PinnedReference) -> Self {
        Address::new(image.registry(), image.repository(), &image.to_string())
    }

    pub(super) fn missing(&self, digest: Digest) -> Error {
        let (reference, host) = (self.reference.clone(), self.name.clone());
        Error::MissingBlob { reference, host, digest }
    }
}

/// The digest of `bytes`, which must be the expected one and the one the registry states, whatever their algorithms.
pub(super) fn prove(
    address: &Address,
    what: &str,
    headers: &HeaderMap,
    bytes: &Bytes,
    expected: Option<Digest>,
) -> Result<Digest, Error> {
    let promised = [expected, stated(headers)];
    for promised in promised.into_iter().flatten() {
        let got = promised.algorithm().of(bytes);
        if got != promised {
            return Err(address.contradiction(what, promised, got));
        }
    }
    let [expected, stated] = promised;
    Ok(expected.or(stated).unwrap_or_else(|| Digest::of(bytes)))
}

/// Docker-Content-Digest, when it is one we can check.
pub(super) fn stated(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

fn entry_for<'a>(
    platform: Platform,
    entries: &'a [Descriptor],
    reference: &str,
) -> Result<&'a Descriptor, Error> {
    let name = |e: &Descriptor| e.platform.as_ref().map(super::model::Platform::name);
    let found = entries.iter().find(|e| e.platform.as_ref().is_some_and(|p| p.fits(platform)));
    found.ok_or_else(|| {
        // Attestations are listed as unknown/unknown.
        let names: Vec<_> =
            entries.iter().filter_map(name).filter(|n| !n.contains("unknown")).collect();
        no_platform(
            reference,
            platform,
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") },
        )
    })
}

fn no_platform(reference: &str, wanted: Platform, found: String) -> Error {
    Error::NoPlatform { reference: reference.to_owned(), wanted, found }
}
