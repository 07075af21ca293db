//! Copies of each released env.lock, so that `rollback --lock` restores it byte for byte.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::{FOLDER, Sync};
use super::{Error, disk, git};
use crate::digest::Sha256;
use crate::lock;

fn path(folder: &Utf8Path, sha256: Sha256) -> Utf8PathBuf {
    folder.join(FOLDER).join("locks").join(format!("{sha256}.lock"))
}

/// Stores a copy of a lock.
///
/// # Errors
/// [`Error::File`].
pub fn keep(folder: &Utf8Path, text: &str) -> Result<Sha256, Error> {
    let sha256 = Sha256::of(text);
    let path = path(folder, sha256);
    if fs_err::read(&path).is_ok_and(|bytes| Sha256::of(bytes) == sha256) {
        return Ok(sha256);
    }
    let own = folder.join(FOLDER);
    disk::make_folder(&own)?;
    disk::make_folder(&own.join("locks"))?;
    disk::replace(&path, text.as_bytes(), Sync::Now)?;
    Ok(sha256)
}

/// The bytes of the lock with this hash: from the copies in `.envlock`, else from git's history.
///
/// # Errors
/// [`Error::LockLost`].
pub fn find(folder: &Utf8Path, sha256: Sha256) -> Result<Vec<u8>, Error> {
    let kept = fs_err::read(path(folder, sha256)).ok();
    kept.filter(|bytes| Sha256::of(bytes) == sha256)
        .or_else(|| names(folder).find_map(|name| git::find_version(folder, &name, sha256)))
        .ok_or(Error::LockLost { sha256 })
}

/// Removes the copies that are not among `needed`, unless `dry_run`; returns how many.
///
/// # Errors
/// [`Error::File`].
pub fn retain(folder: &Utf8Path, needed: &BTreeSet<Sha256>, dry_run: bool) -> Result<u64, Error> {
    let locks = folder.join(FOLDER).join("locks");
    let mut removed = 0;
    for entry in locks.read_dir_utf8().into_iter().flatten().flatten() {
        let name = entry.file_name().strip_suffix(".lock").and_then(|name| name.parse().ok());
        let Some(sha256) = name else { continue };
        if !needed.contains(&sha256) {
            removed += 1;
            if !dry_run {
                fs_err::remove_file(entry.path()).map_err(Error::file(entry.path(), "removed"))?;
            }
        }
    }
    Ok(removed)
}

/// env.lock, and the locks of profiles that lie beside it.
fn names(folder: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let beside = folder.read_dir_utf8().into_iter().flatten().flatten();
    let is_lock = |name: &str| name.starts_with("env.") && name.ends_with(".lock");
    let beside = beside.map(|entry| Utf8PathBuf::from(entry.file_name()));
    let of_profiles = beside.filter(move |n| is_lock(n.as_str()) && n != lock::FILE_NAME);
    std::iter::once(lock::FILE_NAME.into()).chain(of_profiles)
}

/// The file for a lock with these bytes: each profile has its own.
pub fn file_of(bytes: &[u8]) -> Utf8PathBuf {
    let lock = std::str::from_utf8(bytes).ok().and_then(|text| lock::parse(text).ok());
    lock::file_name(lock.and_then(|lock| lock.profile).as_ref())
}
