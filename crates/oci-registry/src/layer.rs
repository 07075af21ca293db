//! Streams a layer from its registry through its hash into a reader, nothing on disk.

use std::io::Read;

use bytes::Bytes;
use oci_digest::{Digest, Digester};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::blocking::joined;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::model::Descriptor;
use crate::progress::Progress;

/// Chunks between the network and the reader: bounds the memory.
const WAITING: usize = 32;

impl Client {
    /// The result of `read` for a layer's bytes as they are stored. All of them are read and hashed: for a wrong digest
    /// the result is discarded.
    ///
    /// # Errors
    /// [`Error::MissingBlob`], [`Error::Integrity`], what `read` cannot read.
    pub async fn read_layer<T: Send + 'static>(
        &self,
        endpoint: &Endpoint,
        layer: &Descriptor,
        progress: &dyn Progress,
        read: impl FnOnce(&mut dyn Read) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let digester = layer.digest.algorithm().digester();
        let reading = spawn_blocking(move || {
            let mut reader = HashingReader::new(receiver, digester);
            let found = read(&mut reader);
            (found, reader.finish())
        });
        let sent = self.send_layer(endpoint, layer, &sender, progress).await;
        drop(sender);
        let (found, got) = joined(reading).await;
        sent?;
        let what = format!("the layer {}", layer.digest);
        if got != layer.digest {
            return Err(endpoint.contradiction(what, layer.digest, got));
        }
        found.map_err(|error| endpoint.malformed(&what, error))
    }

    /// Sends the layer's bytes, resuming where the connection broke.
    async fn send_layer(
        &self,
        endpoint: &Endpoint,
        layer: &Descriptor,
        sender: &mpsc::Sender<Bytes>,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let path = format!("blobs/{}", layer.digest);
        let mut budget = self.budget();
        let mut sent = 0;
        loop {
            let part = self.blob(endpoint, &path, sent, &mut budget).await;
            let mut part = match part {
                Err(Error::Status { status, .. }) if status == 404 => {
                    return Err(endpoint.missing(layer.digest));
                }
                part => part?,
            };
            // A server without ranges begins again: what was sent already is passed over.
            let mut behind = sent - part.offset;
            let error = loop {
                let mut chunk = match part.response.chunk().await {
                    Ok(Some(chunk)) => chunk,
                    Ok(None) => return Ok(()),
                    Err(error) => break error,
                };
                let known = behind.min(chunk.len() as u64);
                behind -= known;
                let chunk = chunk.split_off(usize::try_from(known).unwrap_or(chunk.len()));
                sent += chunk.len() as u64;
                progress.advances(chunk.len() as u64);
                if sent > layer.size {
                    let (expected, got) = (layer.size, format!("more than {} bytes", layer.size));
                    let what = format!("the layer {}", layer.digest);
                    return Err(endpoint.contradiction(what, format!("{expected} bytes"), got));
                }
                if sender.send(chunk).await.is_err() {
                    return Ok(());
                }
            };
            self.pause(endpoint, &part, error, &mut budget).await?;
        }
    }
}

/// Chunks from a channel as a reader that hashes what passes.
struct HashingReader {
    chunks: mpsc::Receiver<Bytes>,
    current: Bytes,
    digester: Digester,
}

impl HashingReader {
    fn new(chunks: mpsc::Receiver<Bytes>, digester: Digester) -> Self {
        HashingReader { chunks, current: Bytes::new(), digester }
    }

    /// Reads what is left and gives the digest of everything.
    fn finish(mut self) -> Digest {
        while let Some(chunk) = self.chunks.blocking_recv() {
            self.digester.update(&chunk);
        }
        self.digester.finish()
    }
}

impl Read for HashingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            let Some(chunk) = self.chunks.blocking_recv() else { return Ok(0) };
            self.digester.update(&chunk);
            self.current = chunk;
        }
        let length = buffer.len().min(self.current.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}
