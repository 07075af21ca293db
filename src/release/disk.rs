//! Files that are whole after any crash: written beside their place, synced, renamed. Nothing here decides anything.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, access};

use super::Error;
use crate::digest::Sha256;

/// The file behind symlinks; for a file that does not exist yet, its place in the real folder.
/// Errors: a folder that is not there, a symlink that leads nowhere.
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

/// Whether a file may be replaced, as far as that can be known before trying. A rename would pass over
/// the file's own write protection: it counts here.
pub(super) fn check_replaceable(target: &Utf8Path) -> Result<(), Error> {
    match fs_err::metadata(target) {
        Ok(facts) if facts.permissions().readonly() => {
            return Err(Error::ReadOnly { path: target.to_owned() });
        }
        Ok(facts) if !facts.is_file() => {
            return Err(Error::file(target, "replaced")(std::io::Error::other("it is not a file")));
        }
        _ => {}
    }
    let Some(folder) = target.parent() else { return Ok(()) };
    access(folder.as_std_path(), Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let (folder, file) = (folder.to_owned(), target.file_name().unwrap_or_default().to_owned());
        Error::ReadOnlyFolder { folder, file, source: error.into() }
    })
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

/// Replaces a file, whole, by way of `NAME.new` beside it. For envlock's own files: others keep their mode and owner.
pub(super) fn replace(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    let staged = Utf8PathBuf::from(format!("{path}.new"));
    write_synced(&staged, bytes)?;
    rename_synced(&staged, path)
}

/// Writes a new file for this user only: the file it is made from may be secret.
pub(super) fn write_synced(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    remove(path)?;
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::file(path, "written"))
}

/// As [`write_synced`], with the mode and owner of the file it is to replace; a new one is for all to read.
pub(super) fn write_like(target: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    write_synced(path, bytes)?;
    let Ok(old) = fs_err::metadata(target) else {
        return set_mode(path, 0o644);
    };
    let new = fs_err::metadata(path).map_err(Error::file(path, "read"))?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        std::os::unix::fs::chown(path, Some(old.uid()), Some(old.gid())).map_err(|source| {
            let (uid, gid) = (old.uid(), old.gid());
            Error::OtherOwner { path: target.to_owned(), uid, gid, source }
        })?;
    }
    // After the owner: a change of owner takes the set-id bits away.
    set_mode(path, old.mode() & 0o7777)
}

fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), Error> {
    let mode = std::fs::Permissions::from_mode(mode);
    fs_err::set_permissions(path, mode).map_err(Error::file(path, "given its mode"))
}

/// Renames, and sees to it that a power cut does not take it back.
pub(super) fn rename_synced(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    fs_err::rename(from, to).map_err(Error::file(to, "replaced"))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Makes a folder, unless it is there; not its parents.
pub(super) fn make_folder(folder: &Utf8Path) -> Result<(), Error> {
    match fs_err::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::file(folder, "created")(error)),
    }
}

fn sync_folder(folder: &Utf8Path) -> Result<(), Error> {
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
