//! The bytes of a blob on their way into a request: a bounded number of pieces at a time, whether
//! they come from a thread that reads or from another registry.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blob::{Blob, PIECE, hash};
use crate::blocking::{blocking, joined};
use crate::error::Error;
use crate::remote::Remote;

/// Pieces between the reader and the network: with the one on each side, this bounds the memory of
/// an upload.
const WAITING: usize = 6;

/// Where the bytes of one upload are read.
#[derive(Clone)]
pub(crate) enum BodySource {
    Ours(Arc<dyn Blob>),
    Remote(Arc<Remote>),
}

/// The work behind a [`http_retry::Body`], and why it ended early.
pub(crate) struct BodyTask(JoinHandle<Result<(), Error>>);

impl BodySource {
    /// The bytes from `offset` on, `length` of them; `count` is called with each piece that is sent.
    pub(crate) fn open(
        &self,
        offset: u64,
        length: u64,
        count: impl Fn(&Bytes) + Send + 'static,
    ) -> (http_retry::Body, BodyTask) {
        let (sender, pieces) = mpsc::channel(WAITING);
        let work = match self {
            BodySource::Ours(blob) => {
                let blob = blob.clone();
                spawn_blocking(move || {
                    let digest = blob.digest();
                    let read = read(&*blob, offset, length, &sender);
                    read.map_err(|source| {
                        let _ = sender.blocking_send(Err(broken_off()));
                        Error::Blob { digest, source }
                    })
                })
            }
            BodySource::Remote(remote) => {
                let remote = remote.clone();
                tokio::spawn(async move {
                    let sent = remote.send(offset, length, &sender).await;
                    if sent.is_err() {
                        let _ = sender.send(Err(broken_off())).await;
                    }
                    sent
                })
            }
        };
        (http_retry::Body { length, pieces, count: Box::new(count) }, BodyTask(work))
    }

    /// After a registry said that it got other bytes: checks that the source still has the same bytes.
    pub(crate) async fn verify(&self) -> Result<(), Error> {
        // What another registry sends was hashed on the way.
        let BodySource::Ours(blob) = self else { return Ok(()) };
        let blob = blob.clone();
        match blocking(move || (blob.digest(), hash(&*blob))).await {
            (digest, Ok(got)) if got == digest => Ok(()),
            (digest, Ok(got)) => Err(Error::Changed { digest, got }),
            (digest, Err(source)) => Err(Error::Blob { digest, source }),
        }
    }
}

impl BodyTask {
    /// After the request is over: the error of the source, if it was the source that failed.
    pub(crate) async fn done(self) -> Result<(), Error> {
        joined(self.0).await
    }
}

fn read(
    blob: &dyn Blob,
    offset: u64,
    length: u64,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut reader = blob.open(offset)?.take(length);
    let mut left = length;
    let (home, used) = std::sync::mpsc::channel();
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let buffer = used.try_recv().unwrap_or_else(|_| vec![0; length]);
        let mut piece = Piece { buffer, home: home.clone() };
        reader.read_exact(&mut piece.buffer[..length])?;
        left -= length as u64;
        let piece = Bytes::from_owner(piece).slice(..length);
        if sender.blocking_send(Ok(piece)).is_err() {
            // The request ended before its body did.
            return Ok(());
        }
    }
    Ok(())
}

/// A piece whose memory is used again once it was sent.
struct Piece {
    buffer: Vec<u8>,
    home: std::sync::mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // The reader may have gone.
        let _ = self.home.send(std::mem::take(&mut self.buffer));
    }
}

/// The error for the request; the caller gets the cause.
fn broken_off() -> io::Error {
    io::Error::other("the source of the bytes failed")
}
