//! A copy of each released env.lock, so that `rollback --lock` has it back byte for byte.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, git, transaction};
use crate::digest::Sha256;
use crate::lock;

fn path(folder: &Utf8Path, sha256: Sha256) -> Utf8PathBuf {
    folder.join(transaction::FOLDER).join("locks").join(format!("{sha256}.lock"))
}

/// Keeps a copy of a lock.
pub(super) fn keep(folder: &Utf8Path, text: &str) -> Result<Sha256, Error> {
    let sha256 = Sha256::of(text);
    let path = path(folder, sha256);
    if fs_err::read(&path).is_ok_and(|bytes| Sha256::of(bytes) == sha256) {
        return Ok(sha256);
    }
    let write = || {
        fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut file = atomic_write_file::AtomicWriteFile::open(&path)?;
        file.write_all(text.as_bytes())?;
        file.commit()
    };
    write().map_err(Error::file(&path, "written"))?;
    Ok(sha256)
}

/// The bytes of the lock with this hash: from the copies in `.envlock`, else from git's history.
/// Errors: [`Error::LockLost`].
pub fn find(folder: &Utf8Path, sha256: Sha256) -> Result<Vec<u8>, Error> {
    let kept = fs_err::read(path(folder, sha256)).ok();
    kept.filter(|bytes| Sha256::of(bytes) == sha256)
        .or_else(|| git::find_version(folder, Utf8Path::new(lock::FILE_NAME), sha256))
        .ok_or(Error::LockLost { sha256 })
}
