//! Requests about blobs: pull, push in every way of the spec, mount, delete.

use std::fs::File;

use hyper::body::Incoming;
use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use hyper::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::answer::{Answer, DIGEST, UPLOAD_ID, bare, created, received_range, with};
use crate::blocking::blocking;
use crate::range::{Requested, chunk, requested};
use crate::refusal::Refusal;
use crate::service::{Query, Service, digest, header};
use crate::stream::from_file;
use crate::uploads::Lease;
use crate::{Error, Layout, Repository};
use oci_digest::{Algorithm, Digest};

impl Service {
    /// GET and HEAD of a blob.
    pub(crate) async fn blob(
        &self,
        repository: Repository,
        reference: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Refusal> {
        let digest = digest(reference)?;
        let layout = self.layout.clone();
        let (file, size) = blocking(move || {
            let unknown = || Refusal::NoBlob(repository.clone(), digest.to_string());
            let found = |layout: &Layout| {
                let Some(size) = layout.size(&repository, digest) else { return Ok(None) };
                let path = layout.blob(digest);
                Ok(Some((File::open(&path).map_err(Error::io("opening", path))?, size)))
            };
            layout.find(found)?.ok_or_else(unknown)
        })
        .await?;
        let (status, part) = match requested(header(headers, &RANGE), size) {
            Requested::Whole => (StatusCode::OK, 0..size),
            Requested::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            Requested::Unsatisfiable => return Err(Refusal::Range(size)),
        };
        let mut headers = vec![
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_LENGTH, (part.end - part.start).to_string()),
            (ACCEPT_RANGES, "bytes".to_owned()),
            (DIGEST, digest.to_string()),
        ];
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            headers.push((CONTENT_RANGE, range));
        }
        Ok(with(status, &headers, from_file(file, part)))
    }

    /// DELETE of a blob.
    pub(crate) async fn delete_blob(
        &self,
        repository: Repository,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        let digest = digest(reference)?;
        let layout = self.layout.clone();
        blocking(move || layout.unmark(&repository, digest)).await?;
        Ok(bare(StatusCode::ACCEPTED, &[]))
    }

    /// POST: begins an upload, or takes a whole blob, or mounts one.
    pub(crate) async fn begin(
        &self,
        repository: Repository,
        query: &Query,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        if let Some(mount) = query.get("mount") {
            let digest = digest(mount)?;
            // A name that no repository has cannot be mounted from, and is no reason to refuse the upload.
            let from = query.get("from").map(str::parse::<Repository>).transpose();
            let (layout, to) = (self.layout.clone(), repository.clone());
            let mounted = match from {
                Ok(from) => blocking(move || Ok(layout.mount(&to, digest, from.as_ref())?)).await?,
                Err(_) => false,
            };
            if mounted {
                return Ok(created(place(&repository, digest), digest));
            }
        }
        let promised = query.get("digest").map(digest).transpose()?;
        let named = query.get("digest-algorithm").map(algorithm).transpose()?;
        let algorithm = promised.map(|digest| digest.algorithm()).or(named);
        let id = self.uploads.begin(&repository, algorithm.unwrap_or(Algorithm::Sha256)).await?;
        let Some(digest) = promised else {
            return Ok(session(StatusCode::ACCEPTED, &repository, id, 0));
        };
        let lease = self.uploads.lease(&repository, &id.to_string()).await?;
        match lease.append(body).await {
            Ok(lease) => self.uploads.finish(lease, &repository, digest).await?,
            Err(refusal) => {
                // The client never learned its id, and cannot continue it.
                let lease = self.uploads.lease(&repository, &id.to_string()).await?;
                self.uploads.cancel(lease).await?;
                return Err(refusal);
            }
        }
        Ok(created(place(&repository, digest), digest))
    }

    /// GET: how far an upload is.
    pub(crate) async fn progress(
        &self,
        repository: Repository,
        id: &str,
    ) -> Result<Answer, Refusal> {
        let (id, length) = self.uploads.length(&repository, id)?;
        Ok(session(StatusCode::NO_CONTENT, &repository, id, length))
    }

    /// PATCH: a chunk with its range, or a stream that continues the upload.
    pub(crate) async fn append(
        &self,
        repository: Repository,
        id: &str,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        let lease = self.uploads.lease(&repository, id).await?;
        let lease = add(lease, &repository, headers, body).await?;
        Ok(session(StatusCode::ACCEPTED, &repository, lease.id(), lease.length()))
    }

    /// PUT: the last chunk, if there is one, and the digest of the whole.
    pub(crate) async fn finish(
        &self,
        repository: Repository,
        id: &str,
        query: &Query,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Answer, Refusal> {
        let missing = || Refusal::Digest("the digest of the blob is missing: ?digest=".to_owned());
        let digest = digest(query.get("digest").ok_or_else(missing)?)?;
        let lease = self.uploads.lease(&repository, id).await?;
        let lease = add(lease, &repository, headers, body).await?;
        self.uploads.finish(lease, &repository, digest).await?;
        Ok(created(place(&repository, digest), digest))
    }

    /// DELETE: cancels an upload.
    pub(crate) async fn cancel(&self, repository: Repository, id: &str) -> Result<Answer, Refusal> {
        let lease = self.uploads.lease(&repository, id).await?;
        self.uploads.cancel(lease).await?;
        Ok(bare(StatusCode::NO_CONTENT, &[]))
    }
}

/// Appends a body, whose `Content-Range` must begin where the upload ends.
async fn add(
    lease: Lease,
    repository: &Repository,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Lease, Refusal> {
    let Some(range) = header(headers, &CONTENT_RANGE) else { return lease.append(body).await };
    let wrong = || Refusal::Upload(format!("`{range}` is no Content-Range: write FIRST-LAST"));
    let chunk = chunk(range).ok_or_else(wrong)?;
    let (first, size) = (lease.length(), chunk.end - chunk.start);
    if first != chunk.start {
        let location = upload(repository, lease.id());
        return Err(Refusal::OutOfOrder { location, length: first, chunk });
    }
    let announced = header(headers, &CONTENT_LENGTH).and_then(|text| text.parse().ok());
    if announced.is_some_and(|length: u64| length != size) {
        let text = format!("the Content-Range has {size} bytes, the Content-Length says otherwise");
        return Err(Refusal::Upload(text));
    }
    let lease = lease.append(body).await?;
    let got = lease.length() - first;
    if got != size {
        return Err(Refusal::Upload(format!("the chunk has {got} bytes, its range {size}")));
    }
    Ok(lease)
}

/// An algorithm that digests can have.
fn algorithm(text: &str) -> Result<Algorithm, Refusal> {
    let known = Algorithm::ALL.map(Algorithm::name).join(" and ");
    let unknown = |_| Refusal::Digest(format!("{text} is not known here, {known} are"));
    text.parse().map_err(unknown)
}

fn place(repository: &Repository, digest: Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

fn upload(repository: &Repository, id: Uuid) -> String {
    format!("/v2/{repository}/blobs/uploads/{id}")
}

fn session(status: StatusCode, repository: &Repository, id: Uuid, length: u64) -> Answer {
    let headers = [
        (LOCATION, upload(repository, id)),
        (RANGE, received_range(length)),
        (UPLOAD_ID, id.to_string()),
    ];
    bare(status, &headers)
}
