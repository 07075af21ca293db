//! Unpacked bytes on their way into a layer: in temporary files that have no name and go with the process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::content::Spooled;

/// A temporary file that grows.
pub(crate) struct Spool {
    file: Arc<File>,
    /// Bytes so far.
    end: u64,
}

impl Spool {
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Spool { file: Arc::new(tempfile::tempfile_in(folder)?), end: 0 })
    }

    /// Bytes that follow.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// The last `size` bytes.
    pub(crate) fn last(&self, size: u64) -> Spooled {
        Spooled { file: Arc::clone(&self.file), offset: self.end - size, size }
    }
}
