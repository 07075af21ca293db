//! Whether a file can be replaced by another one: what the kernel would refuse, and what would be lost by it, as far as
//! that can be known before trying.

use std::fs::File;
use std::io::{Error as IoError, Write};
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use rustix::fs::{Access, access};

use super::disk::Sync;
use super::{Error, attributes};

/// Checks the file and its folder. A rename would ignore the file's own write protection: it is checked here.
///
/// # Errors
/// [`Error::ReadOnly`], [`Error::Flagged`], [`Error::Mounted`], [`Error::HardLinked`], [`Error::ReadOnlyFolder`],
/// [`Error::File`] for what is not a file.
pub(super) fn check(target: &Utf8Path) -> Result<(), Error> {
    if let Ok(facts) = fs_err::metadata(target) {
        let path = target.to_owned();
        if facts.permissions().readonly() {
            return Err(Error::ReadOnly { path });
        }
        if !facts.is_file() {
            return Err(Error::file(target, "replaced")(IoError::other("it is not a file")));
        }
        special(target)?;
        if facts.nlink() > 1 {
            return Err(Error::HardLinked { path, names: facts.nlink() });
        }
    }
    let Some(folder) = target.parent() else { return Ok(()) };
    access(folder.as_std_path(), Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let (folder, file) = (folder.to_owned(), target.file_name().unwrap_or_default().to_owned());
        Error::ReadOnlyFolder { folder, file, source: error.into() }
    })?;
    special(folder)
}

/// Mounts, and what `chattr` sets, of a file or of the folder that it is in.
#[cfg(target_os = "linux")]
fn special(path: &Utf8Path) -> Result<(), Error> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // An old or modified kernel may not answer: then the change itself fails, and is undone.
    let Ok(facts) = statx(CWD, path.as_std_path(), AtFlags::empty(), StatxFlags::empty()) else {
        return Ok(());
    };
    let has = |attribute| facts.stx_attributes.contains(attribute);
    let path = path.to_owned();
    for (attribute, flag) in [(StatxAttributes::IMMUTABLE, 'i'), (StatxAttributes::APPEND, 'a')] {
        if has(attribute) {
            return Err(Error::Flagged { path, flag });
        }
    }
    // A folder that is a mount point is no obstacle.
    if has(StatxAttributes::MOUNT_ROOT) && path.is_file() {
        return Err(Error::Mounted { path });
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn special(_: &Utf8Path) -> Result<(), Error> {
    Ok(())
}

/// Writes so many bytes to an unnamed file beside `target`, with the attributes of the target. The space stays reserved
/// while the result exists.
///
/// # Errors
/// Those that writing the target anew would have.
pub(super) fn rehearse(target: &Utf8Path, bytes: &[u8], sync: Sync) -> Result<File, Error> {
    let folder = target.parent().unwrap_or(target);
    let write = || {
        let mut file = tempfile::tempfile_in(folder)?;
        file.write_all(bytes)?;
        match sync {
            Sync::Now => file.sync_all()?,
            Sync::Later => {}
        }
        Ok(file)
    };
    let file = write().map_err(Error::file(target, "written"))?;
    attributes::copy(target, &file, target)?;
    Ok(file)
}
