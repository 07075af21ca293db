//! The files and environment that a spec may read besides its own text.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// Other files of the project, and the environment that requirements files may name.
pub(super) trait Files {
    /// A file's bytes; the path is relative to the project folder, or absolute.
    fn read(&self, path: &Utf8Path) -> io::Result<Vec<u8>>;

    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The project folder, absolute: where relative paths begin.
    fn folder(&self) -> Utf8PathBuf;
}

/// Those on the disk.
pub(super) struct Folder<'a>(pub(super) &'a Utf8Path);

impl Files for Folder<'_> {
    fn read(&self, path: &Utf8Path) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn folder(&self) -> Utf8PathBuf {
        camino::absolute_utf8(self.0).unwrap_or_else(|_| self.0.to_owned())
    }
}

/// No files: for a text on its own.
pub(super) struct Alone;

impl Files for Alone {
    fn read(&self, _path: &Utf8Path) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "there are no other files here"))
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn folder(&self) -> Utf8PathBuf {
        Folder(Utf8Path::new(".")).folder()
    }
}
