//! A blob that lies in another registry, as the source of an upload: read in ranges, hashed on the
//! way, never on disk.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use oci_digest::{Digest, Digester};
use tokio::sync::mpsc;

use crate::blob::PIECE;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::reference::PinnedReference;

/// A blob of another registry. Clones share the hash of what passed so far.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client,
    endpoint: Endpoint,
    digest: Digest,
    size: u64,
    hashed: Arc<Mutex<Hashed>>,
}

/// A hash of the first `length` bytes: an upload that goes back over some of them hashes them once
/// (the registry they go to hashes them all).
struct Hashed {
    digester: Digester,
    length: u64,
}

impl Client {
    /// The blob of an image, at the first of its registry's mirror and its registry that has it.
    pub(crate) async fn remote(
        &self,
        from: &PinnedReference,
        digest: Digest,
        size: u64,
    ) -> Result<Remote, Error> {
        let mut last = Endpoint::pinned(from).missing(digest);
        for endpoint in self.readable(Endpoint::pinned(from)) {
            match self.head(&endpoint, &format!("blobs/{digest}")).await {
                Ok(Some(_)) => {
                    let digester = digest.algorithm().digester();
                    let hashed = Arc::new(Mutex::new(Hashed { digester, length: 0 }));
                    let client = self.clone();
                    return Ok(Remote { client, endpoint, digest, size, hashed });
                }
                Ok(None) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Remote {
    /// Sends the bytes from `offset` on, `length` of them; goes on where the connection broke. The
    /// last piece leaves only when the digest of everything is right. A closed channel ends it.
    pub(crate) async fn send(
        &self,
        offset: u64,
        length: u64,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<(), Error> {
        tokio::select! {
            result = self.receive(offset, length, sender) => result,
            () = sender.closed() => Ok(()),
        }
    }

    async fn receive(
        &self,
        offset: u64,
        length: u64,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<(), Error> {
        let path = format!("blobs/{}", self.digest);
        let mut budget = self.client.budget();
        let (mut position, end) = (offset, offset.saturating_add(length).min(self.size));
        let mut renewed = position;
        while position < end {
            let part = self.client.blob(&self.endpoint, &path, position, &mut budget).await;
            let mut part = match part {
                Err(Error::Status { status, .. }) if status == 404 => {
                    return Err(self.endpoint.missing(self.digest));
                }
                part => part?,
            };
            // A server without ranges begins again: what was sent already is passed over.
            let mut behind = position - part.offset;
            let error = loop {
                let mut chunk = match part.response.chunk().await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) if position < end => {
                        let got = format!("{position} bytes");
                        let expected = format!("{} bytes", self.size);
                        return Err(self.contradiction(expected, got));
                    }
                    Ok(None) => return Ok(()),
                    Err(error) => break error,
                };
                let known = behind.min(chunk.len() as u64);
                behind -= known;
                let mut chunk = chunk.split_off(usize::try_from(known).unwrap_or(chunk.len()));
                let length = usize::try_from(end - position).unwrap_or(usize::MAX);
                chunk.truncate(length);
                self.hash(position, &chunk)?;
                position += chunk.len() as u64;
                if position - renewed >= PIECE as u64 {
                    renewed = position;
                    budget.renew();
                }
                if sender.send(Ok(chunk)).await.is_err() || position == end {
                    return Ok(());
                }
            };
            self.client.pause(&self.endpoint, &part, error, &mut budget).await?;
        }
        Ok(())
    }

    /// Takes a piece into the hash; at the end of the blob the hash must be right.
    fn hash(&self, position: u64, piece: &[u8]) -> Result<(), Error> {
        let mut hashed = self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hashed.length.saturating_sub(position).min(piece.len() as u64);
        let new = &piece[usize::try_from(known).unwrap_or(piece.len())..];
        if new.is_empty() {
            return Ok(());
        }
        hashed.digester.update(new);
        hashed.length += new.len() as u64;
        if hashed.length < self.size {
            return Ok(());
        }
        let got = hashed.digester.finish();
        if got == self.digest { Ok(()) } else { Err(self.contradiction(self.digest, got)) }
    }

    fn contradiction(&self, expected: impl ToString, got: impl ToString) -> Error {
        self.endpoint.contradiction(format!("the blob {}", self.digest), expected, got)
    }
}
