//! Atomic changes of files: written beside their place, synced, renamed. No decisions are made here.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, attributes};
use crate::digest::Sha256;

/// envlock's own folder in a project: never in git, safe to delete while no envlock runs.
pub const FOLDER: &str = ".envlock";

/// The file behind symlinks; for a file that does not exist yet, its place in the real folder.
///
/// # Errors
/// A missing folder, a dangling symlink.
pub(super) fn real_path(path: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    match path.canonicalize_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
            let (parent, name) =
                (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
            let parent = parent.canonicalize_utf8().map_err(Error::file(parent, "found"))?;
            Ok(parent.join(name))
        }
        found => found.map_err(Error::file(path, "found")),
    }
}

/// The hash of a file's bytes; `None` where there is no file.
pub(super) fn sha_of(path: &Utf8Path) -> Result<Option<Sha256>, Error> {
    Ok(read(path)?.map(Sha256::of))
}

/// A file's bytes; `None` where there is no file.
pub(super) fn read(path: &Utf8Path) -> Result<Option<Vec<u8>>, Error> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

/// What a power failure may do to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// Nothing: it is on disk before any later write.
    Now,
    /// Undo it: only a crash of envlock alone must not. Each sync costs milliseconds.
    Later,
}

/// Replaces a file atomically, by way of `NAME.new` beside it. Only for envlock's own files: mode and owner are not kept.
pub(super) fn replace(path: &Utf8Path, bytes: &[u8], sync: Sync) -> Result<(), Error> {
    let staged = Utf8PathBuf::from(format!("{path}.new"));
    write(&staged, bytes, sync)?;
    rename(&staged, path)?;
    match sync {
        Sync::Now => path.parent().map_or(Ok(()), sync_folder),
        Sync::Later => Ok(()),
    }
}

/// Writes a new file for this user only: its source may be secret.
fn write(path: &Utf8Path, bytes: &[u8], sync: Sync) -> Result<(), Error> {
    let file = begin(path, bytes)?;
    match sync {
        Sync::Now => file.sync_all().map_err(Error::file(path, "written")),
        Sync::Later => Ok(()),
    }
}

/// Writes a new file, synced, with the owner, mode, access control list and attributes of the file it is to replace;
/// where that does not exist yet, for all to read.
pub(super) fn write_like(target: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    let file = begin(path, bytes)?;
    attributes::copy(target, &file, path)?;
    file.sync_all().map_err(Error::file(path, "written"))
}

fn begin(path: &Utf8Path, bytes: &[u8]) -> Result<File, Error> {
    remove(path)?;
    let begin = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        Ok(file)
    };
    begin().map_err(Error::file(path, "written"))
}

/// Renames. Until [`sync_folder`], a power failure may undo it.
pub(super) fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    fs_err::rename(from, to).map_err(|error| match error.kind() {
        std::io::ErrorKind::ResourceBusy => Error::Mounted { path: to.to_owned() },
        _ => Error::file(to, "replaced")(error),
    })
}

/// Makes a folder, unless it is there; not its parents.
pub(super) fn make_folder(folder: &Utf8Path) -> Result<(), Error> {
    match fs_err::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::file(folder, "created")(error)),
    }
}

/// Syncs a folder: no power failure undoes what was renamed, created or removed in it before.
pub(super) fn sync_folder(folder: &Utf8Path) -> Result<(), Error> {
    let folder = if folder.as_str().is_empty() { Utf8Path::new(".") } else { folder };
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::file(folder, "synced"))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Utf8Path) -> Result<(), Error> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(path, "removed")(error))
        }
        _ => Ok(()),
    }
}
