//! Resolves a base image's reference: tag → digests, and the manifest and config behind them.

use bytes::Bytes;

use super::Error;
use crate::digest::Digest;
use crate::lock::BaseDigests;
use crate::platform::Platform;
use crate::reference::{self, BadReference};
use crate::registry::{self, Client, Descriptor, Document, Endpoint, Manifest};

/// An image's documents as its registry has them, checked against their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// The host that answered, from which layers can be copied or mounted: `HOST[:PORT]`, a mirror's where one answered.
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

/// What a reference means now: the digest it names and the image for `platform` below it (the same when it names one
/// image). A reference with a digest is checked to be what it says.
///
/// # Errors
/// [`Error::is_unreachable`] when neither the registry nor its mirror answers, [`Error::NoPlatform`], bytes that are not
/// what their digest says.
pub async fn pin(client: &Client, text: &str, platform: Platform) -> Result<BaseDigests, Error> {
    let parsed = reference::parse(text)?;
    let expected = match parsed.digest() {
        Some(digest) => {
            let digest = digest.parse::<Digest>();
            Some(digest.map_err(|_| BadReference::NoDigest(text.to_owned()))?)
        }
        None => None,
    };
    let name = match expected {
        Some(digest) => digest.to_string(),
        None => parsed.tag().unwrap_or("latest").to_owned(),
    };
    let top = client.proven(Endpoint::of(&parsed, text), &name, expected).await?;
    let index_digest = top.digest;
    let image = match &top.document {
        Document::Image(_) => top,
        Document::Index(entries) => {
            let digest = entry_for(platform, entries, text)?.digest;
            client.proven_at(&top.endpoint, &digest.to_string(), Some(digest)).await?
        }
    };
    let config = client.config_of(&image.endpoint, image.manifest()?).await?;
    if !fits(&config.platform, platform) {
        return Err(no_platform(text, platform, config.platform.name()));
    }
    Ok(BaseDigests { index_digest, platform_digest: image.digest })
}

/// The manifest and config of a pinned base, byte by byte; its layers are not read.
///
/// # Errors
/// Those of [`pin`].
pub async fn read(client: &Client, text: &str, digests: BaseDigests) -> Result<BaseImage, Error> {
    let digest = digests.platform_digest;
    let endpoint = Endpoint::of(&reference::parse(text)?, text);
    let proven = client.proven(endpoint, &digest.to_string(), Some(digest)).await?;
    let manifest = proven.manifest()?.clone();
    let config_bytes = client.config_bytes(&proven.endpoint, &manifest).await?;
    let at = proven.endpoint.repository();
    Ok(BaseImage {
        registry: at.registry,
        repository: at.name,
        manifest,
        manifest_bytes: proven.bytes,
        config_bytes,
    })
}

/// Whether an image for this runs on every machine of `requested`.
fn fits(of: &registry::Platform, requested: Platform) -> bool {
    requested.is(&of.os, &of.architecture, &of.variant)
}

fn entry_for<'a>(
    platform: Platform,
    entries: &'a [Descriptor],
    reference: &str,
) -> Result<&'a Descriptor, Error> {
    let name = |e: &Descriptor| e.platform.as_ref().map(registry::Platform::name);
    let found = entries.iter().find(|e| e.platform.as_ref().is_some_and(|p| fits(p, platform)));
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

fn no_platform(reference: &str, requested: Platform, found: String) -> Error {
    Error::NoPlatform { reference: reference.to_owned(), requested, found }
}
