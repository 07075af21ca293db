//! Removal of files that were not used for a while.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::folder::INDEX;
use super::{Error, Store};
use crate::digest::Sha256;

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pruned {
    /// Files.
    pub files: u64,
    /// Bytes on disk that were freed; a file with other hard links frees none.
    pub bytes: u64,
}

impl Store {
    /// Removes files that were neither read nor written for `unused`, except those in `keep` and downloads of other processes.
    /// `dry_run`: only counts.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn prune(
        &self,
        unused: Duration,
        keep: &BTreeSet<Sha256>,
        dry_run: bool,
    ) -> Result<Pruned, Error> {
        let limit = SystemTime::now().checked_sub(unused).unwrap_or(UNIX_EPOCH);
        let limit = limit.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut pruned = Pruned::default();
        for folder in ["sha256", "part", "changed", "facts", "scratch", INDEX] {
            self.prune_folder(&self.root().join(folder), limit, keep, dry_run, &mut pruned)?;
        }
        Ok(pruned)
    }

    fn prune_folder(
        &self,
        folder: &Utf8Path,
        limit: Duration,
        keep: &BTreeSet<Sha256>,
        dry_run: bool,
        pruned: &mut Pruned,
    ) -> Result<(), Error> {
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("reading the folder", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io("reading the folder", folder))?;
            let path = entry.path();
            // Another process may have removed it meanwhile.
            let Ok(about) = path.symlink_metadata() else { continue };
            if about.is_dir() {
                self.prune_folder(path, limit, keep, dry_run, pruned)?;
                continue;
            }
            if used(&about) >= limit || self.names(path).is_some_and(|hash| keep.contains(&hash)) {
                continue;
            }
            if path.starts_with(self.root().join("part")) && is_locked(path) {
                continue;
            }
            if !dry_run {
                fs_err::remove_file(path).map_err(Error::io("removing", path))?;
            }
            pruned.files += 1;
            pruned.bytes += if about.nlink() > 1 { 0 } else { about.blocks() * 512 };
        }
        Ok(())
    }

    /// The hash of a stored file, by its path.
    fn names(&self, path: &Utf8Path) -> Option<Sha256> {
        let place = path.strip_prefix(self.root().join("sha256")).ok()?;
        place.as_str().replace('/', "").parse().ok()
    }
}

/// Since 1970-01-01 UTC. Stored files have 1980 as their modification time; a new link to one and, where the disk notes
/// it, reading one, count as use.
fn used(about: &Metadata) -> Duration {
    let times = [
        (about.mtime(), about.mtime_nsec()),
        (about.atime(), about.atime_nsec()),
        (about.ctime(), about.ctime_nsec()),
    ];
    let (seconds, nanoseconds) = times.into_iter().max().unwrap_or_default();
    // A time before 1970 counts as 1970.
    let Ok(seconds) = u64::try_from(seconds) else { return Duration::ZERO };
    Duration::new(seconds, nanoseconds.try_into().unwrap_or(0))
}

fn is_locked(path: &Utf8Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_goes_and_what_a_lock_names_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        let kept = store.put(b"kept").unwrap().sha256();
        let gone = store.put(b"gone").unwrap().sha256();
        fs_err::write(store.root().join("part/half"), "half").unwrap();
        let busy = File::create(store.root().join("part/busy")).unwrap();
        busy.lock().unwrap();
        let keep = BTreeSet::from([kept]);
        let day = Duration::from_secs(86400);
        assert_eq!(store.prune(day, &keep, false).unwrap(), Pruned::default());

        let would = store.prune(Duration::ZERO, &keep, true).unwrap();
        assert_eq!(would.files, 2);
        assert!(would.bytes > 0 && store.get(&gone).is_some());
        assert_eq!(store.prune(Duration::ZERO, &keep, false).unwrap(), would);
        assert!(store.get(&gone).is_none() && store.get(&kept).is_some());
        assert!(store.root().join("part/busy").exists());
    }
}
