//! Requests about manifests: pull, push, delete.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};

use crate::answer::{Answer, DIGEST, SUBJECT, TAGS, add, bare, created, full, with};
use crate::blocking::blocking;
use crate::index::Pointer;
use crate::manifest::{Described, LONGEST, describe};
use crate::refusal::Refusal;
use crate::service::{Query, Service, digest, header};
use crate::{Error, Layout, Repository, Tag};
use oci_digest::{Algorithm, Digest};

/// What a manifest is asked for by.
enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl Reference {
    /// `None` for text that names nothing.
    fn parse(text: &str) -> Option<Self> {
        match text.contains(':') {
            true => digest(text).ok().map(Reference::Digest),
            false => text.parse().ok().map(Reference::Tag),
        }
    }

    /// The manifest that it names in a layout.
    fn pointer(&self, of: &Repository, layout: &Layout) -> Result<Option<Pointer>, Error> {
        let index = layout.index()?;
        let found = match self {
            Reference::Tag(tag) => index.tagged(of, tag),
            Reference::Digest(digest) => index.get(of, *digest),
        };
        Ok(found.cloned())
    }
}

impl Service {
    /// GET and HEAD of a manifest.
    pub(crate) async fn manifest(
        &self,
        repository: Repository,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        let layout = self.layout.clone();
        let unknown = Refusal::NoManifest(repository.clone(), reference.to_owned());
        let Some(reference) = Reference::parse(reference) else { return Err(unknown) };
        let (manifest, bytes) = blocking(move || {
            let found = |layout: &Layout| {
                let found = reference.pointer(&repository, layout)?;
                found.map(|found| Ok((layout.manifest(found.digest)?, found))).transpose()
            };
            let (bytes, manifest) = layout.find(found)?.ok_or(unknown)?;
            Ok((manifest, bytes))
        })
        .await?;
        let headers = [
            (CONTENT_TYPE, manifest.media_type),
            (CONTENT_LENGTH, bytes.len().to_string()),
            (DIGEST, manifest.digest.to_string()),
        ];
        Ok(with(StatusCode::OK, &headers, full(bytes)))
    }

    /// PUT of a manifest under a tag, or under its digest and the tags of the query.
    pub(crate) async fn put_manifest(
        &self,
        repository: Repository,
        reference: &str,
        query: &Query,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        let wrong = |text: &str| Refusal::Manifest(format!("`{text}` is no tag"));
        let (tags, promised) = match reference.contains(':') {
            true => {
                let tags = query.all("tag").map(|tag| tag.parse().map_err(|_| wrong(tag)));
                (tags.collect::<Result<Vec<Tag>, _>>()?, Some(digest(reference)?))
            }
            false => (vec![reference.parse().map_err(|_| wrong(reference))?], None),
        };
        let content_type = header(headers, &CONTENT_TYPE).map(str::to_owned);
        let bytes = read(body).await?;
        let algorithm = promised.map_or(Algorithm::Sha256, |promised| promised.algorithm());
        let digest = algorithm.of(&bytes);
        if let Some(promised) = promised.filter(|promised| *promised != digest) {
            let text = format!("the manifest has the digest {digest}, not {promised}");
            return Err(Refusal::Digest(text));
        }
        let mut also = Vec::new();
        if promised.is_some() {
            also.extend(tags.iter().map(|tag| (TAGS, tag.to_string())));
        }
        let (layout, name) = (self.layout.clone(), repository.clone());
        let subject = blocking(move || {
            layout.accept(&name, (digest, &bytes), content_type.as_deref(), &tags)
        })
        .await?;
        also.extend(subject.map(|subject| (SUBJECT, subject.to_string())));
        let mut answer = created(format!("/v2/{repository}/manifests/{digest}"), digest);
        add(&mut answer, &also);
        Ok(answer)
    }

    /// DELETE of a tag, or of a manifest with its tags.
    pub(crate) async fn delete_manifest(
        &self,
        repository: Repository,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        let unknown = Refusal::NoManifest(repository.clone(), reference.to_owned());
        let Some(reference) = Reference::parse(reference) else { return Err(unknown) };
        let layout = self.layout.clone();
        blocking(move || {
            layout.change(|index| {
                let gone = match &reference {
                    Reference::Tag(tag) => index.untag(&repository, tag),
                    Reference::Digest(digest) => index.remove(&repository, *digest),
                };
                if gone {
                    return Ok(());
                }
                let found = |layout: &Layout| {
                    let found = reference.pointer(&repository, layout)?;
                    Ok(found.map(|found| (found.digest, layout.root().to_owned())))
                };
                match layout.find(found)? {
                    Some((digest, folder)) => {
                        Err(Refusal::Elsewhere(repository.clone(), digest.to_string(), folder))
                    }
                    None => Err(unknown),
                }
            })?;
            match reference {
                Reference::Tag(_) => Ok(()),
                Reference::Digest(digest) => Ok(layout.reclaim(digest)?),
            }
        })
        .await?;
        Ok(bare(StatusCode::ACCEPTED, &[]))
    }
}

impl Layout {
    /// Stores a manifest whose blobs and manifests this repository has; its subject, which may be missing.
    fn accept(
        &self,
        repository: &Repository,
        (digest, bytes): (Digest, &[u8]),
        content_type: Option<&str>,
        tags: &[Tag],
    ) -> Result<Option<Digest>, Refusal> {
        let described = describe(bytes, content_type).map_err(Refusal::Manifest)?;
        self.import_missing(repository, &described)?;
        self.change(|index| {
            for blob in &described.blobs {
                if self.size(repository, *blob).is_none() {
                    let text = format!("{repository} does not have the blob {blob}: push it first");
                    return Err(Refusal::Incomplete(text));
                }
            }
            for manifest in &described.manifests {
                if index.get(repository, *manifest).is_none() {
                    let text = format!("{repository} does not have {manifest}: push it first");
                    return Err(Refusal::Incomplete(text));
                }
            }
            self.store(bytes, digest)?;
            let (media_type, subject) = (described.media_type.clone(), described.subject);
            let size = bytes.len() as u64;
            index.put(repository, &Pointer { media_type, digest, size, subject }, tags);
            Ok(subject)
        })
    }

    /// Imports what a manifest needs and only the same repository of an attached layout has.
    fn import_missing(
        &self,
        repository: &Repository,
        described: &Described,
    ) -> Result<(), Refusal> {
        for blob in &described.blobs {
            if self.size(repository, *blob).is_none() {
                self.copy_from_attached(repository, *blob, Some(repository))?;
            }
        }
        for listed in &described.manifests {
            if self.index()?.get(repository, *listed).is_some() {
                continue;
            }
            for other in self.attached()? {
                let Some(found) = other.index()?.get(repository, *listed).cloned() else {
                    continue;
                };
                let bytes = other.manifest(*listed)?;
                self.accept(repository, (*listed, &bytes), Some(&found.media_type), &[])?;
                break;
            }
        }
        Ok(())
    }
}

/// A body that is not longer than a manifest may be.
async fn read(body: &mut Incoming) -> Result<BytesMut, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::Cut)?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > LONGEST {
            return Err(Refusal::TooLong(LONGEST));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
