//! A file that is hashed while it is written, on a blocking thread.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;

use bytes::Bytes;
use camino::Utf8PathBuf;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::folder::feed;
use super::{Error, Store};
use crate::blocking::{blocking, joined};
use crate::digest::{Hasher, Sha256};

/// Chunks that may wait for the disk: bounds memory to about this many network reads.
const WAITING: usize = 32;

/// A file that is being downloaded into the store, locked against other processes.
#[derive(Debug)]
pub(super) struct Sink {
    path: Utf8PathBuf,
    file: File,
    hasher: Hasher,
    /// The number of bytes that are written and hashed.
    pub(super) length: u64,
}

impl Sink {
    /// Opens and locks the part file of `key`, waiting for other processes, and hashes the bytes of an earlier run in it.
    pub(super) async fn open(store: &Store, key: &Sha256) -> Result<Sink, Error> {
        let path = store.part(key);
        blocking(move || {
            let file = loop {
                let file = File::options()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .open(&path)
                    .map_err(Error::io("opening", &path))?;
                file.lock().map_err(Error::io("locking", &path))?;
                // The process that had the lock may have moved or removed the file.
                let mine = file.metadata().map_err(Error::io("reading", &path))?.ino();
                if std::fs::metadata(&path).is_ok_and(|there| there.ino() == mine) {
                    break file;
                }
            };
            let mut hasher = Hasher::default();
            let length = feed(&file, &mut hasher).map_err(Error::io("reading", &path))?;
            Ok(Sink { path, file, hasher, length })
        })
        .await
    }

    /// Discards everything written so far.
    pub(super) fn restart(&mut self) -> Result<(), Error> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(Error::io("emptying", &self.path))?;
        self.hasher = Hasher::default();
        self.length = 0;
        Ok(())
    }

    /// Writes and hashes what comes through the channel until the sender is dropped. [`Draining::done`] returns the sink
    /// with every byte that arrived, also when the download was interrupted.
    pub(super) fn drain(self) -> (mpsc::Sender<Bytes>, Draining) {
        let (sender, mut chunks) = mpsc::channel::<Bytes>(WAITING);
        let mut sink = self;
        let task = spawn_blocking(move || {
            while let Some(chunk) = chunks.blocking_recv() {
                sink.file.write_all(&chunk).map_err(Error::io("writing", &sink.path))?;
                sha2::Digest::update(&mut sink.hasher, &chunk);
                sink.length += chunk.len() as u64;
            }
            Ok(sink)
        });
        (sender, Draining(task))
    }

    /// The hash of everything written.
    pub(super) fn hash(&self) -> Sha256 {
        Sha256::finish(&mut self.hasher.clone())
    }

    /// Syncs the file and moves it to its place in the store.
    pub(super) async fn keep(self, store: &Store) -> Result<super::Verified, Error> {
        let store = store.clone();
        blocking(move || {
            self.file.sync_all().map_err(Error::io("syncing", &self.path))?;
            store.keep(&self.path, self.hash(), self.length)
        })
        .await
    }

    /// Removes the file.
    pub(super) fn discard(self) -> Result<(), Error> {
        fs_err::remove_file(&self.path).map_err(Error::io("removing", &self.path))
    }
}

/// A sink that another thread writes.
#[derive(Debug)]
pub(super) struct Draining(tokio::task::JoinHandle<Result<Sink, Error>>);

impl Draining {
    /// The sink, once everything sent is on disk.
    pub(super) async fn done(self) -> Result<Sink, Error> {
        joined(self.0).await
    }
}
