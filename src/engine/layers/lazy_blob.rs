//! A layer with known digests, whose bytes are made only when a registry lacks them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use wheel_layers::{Measured, Segments};

use crate::digest::Digest;
use crate::exit::Failure;
use crate::registry::{self, Blob};

/// Where the bytes of a layer are.
#[derive(Debug, Clone)]
pub(super) enum LayerBytes {
    /// Segments of wheels.
    Segments(Segments),
    /// A file of the store, for a layer that was compressed again.
    File(Utf8PathBuf),
}

type Make = dyn Fn() -> io::Result<LayerBytes> + Send + Sync;

/// Why the bytes of an upload could not be made, as an [`io::Error`] for the upload to return.
#[derive(Debug)]
pub(super) struct NotMade(pub(super) Failure);

impl std::fmt::Display for NotMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0.report, f)
    }
}

impl std::error::Error for NotMade {}

impl NotMade {
    /// The failure that an upload ended with, where bytes could not be made.
    ///
    /// # Errors
    ///
    /// The error itself, where the upload failed for another reason.
    pub(super) fn within(error: registry::Error) -> Result<Failure, registry::Error> {
        match error {
            registry::Error::Blob { source, digest } => match source.downcast::<NotMade>() {
                Ok(NotMade(failure)) => Ok(failure),
                Err(source) => Err(registry::Error::Blob { source, digest }),
            },
            error => Err(error),
        }
    }

    /// The original failure.
    pub(super) fn or(error: registry::Error) -> Failure {
        Self::within(error).unwrap_or_else(Failure::from)
    }
}

/// A layer that can be uploaded.
pub(super) struct LazyBlob {
    measured: Measured,
    bytes: Mutex<Option<LayerBytes>>,
    make: Arc<Make>,
}

impl LazyBlob {
    /// `make` is called at most once at a time, on a thread that may block, and only when there are no `bytes`.
    pub(super) fn new(measured: Measured, bytes: Option<LayerBytes>, make: Arc<Make>) -> Self {
        LazyBlob { measured, bytes: Mutex::new(bytes), make }
    }
}

impl Blob for LazyBlob {
    fn digest(&self) -> Digest {
        self.measured.digest
    }

    fn size(&self) -> u64 {
        self.measured.size
    }

    fn open(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match &mut *bytes {
            Some(bytes) => bytes,
            none => none.insert((self.make)()?),
        };
        match bytes {
            LayerBytes::Segments(segments) => Ok(Box::new(segments.reader(offset))),
            LayerBytes::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Ok(Box::new(file))
            }
        }
    }
}
