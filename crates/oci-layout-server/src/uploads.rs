//! Uploads that are not finished: a file each, that outlives its connection and this process. Its length is how far
//! the upload is. The state of the hash is in memory, and computed again from the file after a restart, or when the
//! digest at the end has another algorithm than was announced.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

use crate::blocking::blocking;
use crate::layout::{make_folder, names};
use crate::refusal::Refusal;
use crate::{Error, Layout, Repository};
use oci_digest::{Algorithm, Digest, Digester};

/// Bytes that are written and hashed at once, while as many are received: bounds the memory of an upload.
const BATCH: usize = 1024 * 1024;

/// How long an upload may rest before it is removed.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(24 * 3600);

/// The unfinished uploads of a layout.
#[derive(Debug)]
pub(crate) struct Uploads {
    layout: Layout,
    sessions: Mutex<HashMap<Uuid, Arc<Session>>>,
}

/// What is known of an upload beyond its file.
#[derive(Debug)]
struct Session {
    /// The number of the newest request that writes. An older one, whose connection broke unnoticed, gives way to it.
    newest: watch::Sender<u64>,
    progress: Arc<tokio::sync::Mutex<Progress>>,
}

#[derive(Debug)]
struct Progress {
    digester: Digester,
    /// Bytes that were hashed.
    length: u64,
}

impl Progress {
    fn new(algorithm: Algorithm) -> Self {
        Progress { digester: algorithm.digester(), length: 0 }
    }

    /// Hashes a file from its beginning.
    fn reread(&mut self, algorithm: Algorithm, path: &Utf8Path) -> Result<(), Error> {
        *self = Progress::new(algorithm);
        let fed = File::open(path).and_then(|file| {
            std::io::copy(&mut BufReader::with_capacity(BATCH, file), &mut self.digester)
        });
        self.length = fed.map_err(Error::io("reading", path))?;
        Ok(())
    }
}

impl Default for Session {
    fn default() -> Self {
        Session::new(Algorithm::Sha256)
    }
}

impl Session {
    fn new(algorithm: Algorithm) -> Self {
        let progress = Arc::new(tokio::sync::Mutex::new(Progress::new(algorithm)));
        Session { newest: watch::Sender::default(), progress }
    }
}

/// The right to write to an upload, for one request.
#[derive(Debug)]
pub(crate) struct Lease {
    id: Uuid,
    number: u64,
    newest: watch::Receiver<u64>,
    writer: Writer,
}

#[derive(Debug)]
struct Writer {
    path: Utf8PathBuf,
    file: File,
    // Stays with the file, so that a write that outlives its request still excludes others.
    progress: OwnedMutexGuard<Progress>,
}

impl Uploads {
    pub(crate) fn new(layout: Layout) -> Self {
        Uploads { layout, sessions: Mutex::default() }
    }

    /// Begins an upload, whose digest will probably have this algorithm.
    pub(crate) async fn begin(
        &self,
        repository: &Repository,
        algorithm: Algorithm,
    ) -> Result<Uuid, Refusal> {
        let (folder, id) = (self.layout.uploads(repository), Uuid::new_v4());
        blocking(move || {
            make_folder(&folder)?;
            let path = folder.join(id.to_string());
            File::create_new(&path).map_err(Error::io("writing", &path))?;
            Ok(())
        })
        .await?;
        self.sessions().insert(id, Arc::new(Session::new(algorithm)));
        Ok(id)
    }

    /// How many bytes were received.
    ///
    /// # Errors
    /// [`Refusal::NoUpload`].
    pub(crate) fn length(&self, repository: &Repository, id: &str) -> Result<(Uuid, u64), Refusal> {
        let unknown = || Refusal::NoUpload(id.to_owned());
        // Text that is no UUID never becomes a path.
        let known = Uuid::try_parse(id).map_err(|_| unknown())?;
        let path = self.layout.uploads(repository).join(known.to_string());
        let about = path.metadata().map_err(|_| unknown())?;
        Ok((known, about.len()))
    }

    /// The right to write to an upload; a request that has it is stopped first.
    pub(crate) async fn lease(&self, repository: &Repository, id: &str) -> Result<Lease, Refusal> {
        let (id, _) = self.length(repository, id)?;
        let session = self.sessions().entry(id).or_default().clone();
        let mut number = 0;
        session.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        let newest = session.newest.subscribe();
        let progress = session.progress.clone().lock_owned().await;
        let path = self.layout.uploads(repository).join(id.to_string());
        let writer = blocking(move || Writer::open(path, progress)).await?;
        Ok(Lease { id, number, newest, writer })
    }

    /// Makes a blob of the upload when it has this digest; else deletes it.
    pub(crate) async fn finish(
        &self,
        lease: Lease,
        repository: &Repository,
        digest: Digest,
    ) -> Result<(), Refusal> {
        let (layout, repository, id) = (self.layout.clone(), repository.clone(), lease.id);
        let mut writer = lease.writer;
        let done = blocking(move || {
            if writer.progress.digester.algorithm() != digest.algorithm() {
                writer.progress.reread(digest.algorithm(), &writer.path)?;
            }
            let got = writer.progress.digester.clone().finish();
            if got == digest {
                return Ok(layout.take(&writer.file, &writer.path, &repository, digest)?);
            }
            discard(&writer.path)?;
            Err(Refusal::Digest(format!("the bytes have the digest {got}, not {digest}")))
        })
        .await;
        self.sessions().remove(&id);
        done
    }

    /// Deletes an upload.
    pub(crate) async fn cancel(&self, lease: Lease) -> Result<(), Refusal> {
        let (id, writer) = (lease.id, lease.writer);
        let done = blocking(move || Ok(discard(&writer.path)?)).await;
        self.sessions().remove(&id);
        done
    }

    /// Deletes abandoned uploads. Blocks.
    pub(crate) fn sweep(&self) -> Result<(), Error> {
        let limit = SystemTime::now().checked_sub(MAX_IDLE).unwrap_or(SystemTime::UNIX_EPOCH);
        for repository in self.layout.repositories()? {
            let folder = self.layout.uploads(&repository);
            for name in names(&folder)? {
                let path = folder.join(&name);
                let last = path.metadata().and_then(|about| about.modified());
                // Another process may be writing to it.
                let idle = |path| File::open(path).is_ok_and(|file| file.try_lock().is_ok());
                if last.is_ok_and(|time| time < limit) && idle(&path) {
                    discard(&path)?;
                    self.sessions().retain(|id, _| id.to_string() != name);
                }
            }
        }
        Ok(())
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn discard(path: &Utf8Path) -> Result<(), Error> {
    fs_err::remove_file(path).map_err(Error::io("removing", path))
}

impl Writer {
    /// Locks the file, and hashes what this process has not hashed yet.
    fn open(path: Utf8PathBuf, mut progress: OwnedMutexGuard<Progress>) -> Result<Self, Refusal> {
        let file = File::options().read(true).append(true).open(&path);
        // The request before this one may have finished the upload.
        let file =
            file.map_err(|_| Refusal::NoUpload(path.file_name().unwrap_or("").to_owned()))?;
        file.try_lock().map_err(|_| Refusal::Busy)?;
        let length = file.metadata().map_err(Error::io("reading", &path))?.len();
        if progress.length != length {
            let algorithm = progress.digester.algorithm();
            progress.reread(algorithm, &path)?;
        }
        Ok(Writer { path, file, progress })
    }

    fn write(mut self, batch: Vec<Bytes>) -> Result<Self, Refusal> {
        for bytes in batch {
            self.file.write_all(&bytes).map_err(Error::io("writing", &self.path))?;
            self.progress.digester.update(&bytes);
            self.progress.length += bytes.len() as u64;
        }
        Ok(self)
    }
}

impl Lease {
    /// The upload's id.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// Bytes received.
    pub(crate) fn length(&self) -> u64 {
        self.writer.progress.length
    }

    /// Appends a body. What was received of one that breaks off is kept: [`Refusal::Cut`].
    pub(crate) async fn append(mut self, body: &mut Incoming) -> Result<Lease, Refusal> {
        let (mut batch, mut end) = read_batch(body, &mut self.newest, self.number).await;
        loop {
            let writer = self.writer;
            let writing = blocking(move || writer.write(batch));
            if let Some(end) = end {
                self.writer = writing.await?;
                return end.map(|()| self);
            }
            let reading = read_batch(body, &mut self.newest, self.number);
            let (written, next) = tokio::join!(writing, reading);
            self.writer = written?;
            (batch, end) = next;
        }
    }
}

/// The next bytes of a body, and how it ended when it did.
async fn read_batch(
    body: &mut Incoming,
    newest: &mut watch::Receiver<u64>,
    number: u64,
) -> (Vec<Bytes>, Option<Result<(), Refusal>>) {
    let (mut batch, mut size) = (Vec::new(), 0);
    while size < BATCH {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = newest.wait_for(|newest| *newest != number) => {
                return (batch, Some(Err(Refusal::Busy)));
            }
        };
        match frame {
            None => return (batch, Some(Ok(()))),
            Some(Err(_)) => return (batch, Some(Err(Refusal::Cut))),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    size += bytes.len();
                    batch.push(bytes);
                }
            }
        }
    }
    (batch, None)
}
