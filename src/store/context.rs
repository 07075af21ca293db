//! A folder of verified files under their own names: what a build engine is handed as a context.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::folder::make_folder;
use super::{Error, Store, Verified};
use crate::digest::Sha256;

const LOCK: &str = "lock";

/// A folder that holds exactly what was put into it; gone when dropped. The same files
/// give the same path (unless another process is using that), so that an engine which remembers
/// what it was sent does not need it again.
#[derive(Debug)]
pub struct Context {
    path: Utf8PathBuf,
    lock: File,
}

impl Store {
    /// Makes a folder with `files` under the names given (hard links where the file system allows,
    /// else copies) and the small `extras`. Names are plain file names; a name twice is an error.
    pub fn context(
        &self,
        files: &[(String, Verified)],
        extras: &[(String, Vec<u8>)],
    ) -> Result<Context, Error> {
        let mut list: Vec<String> = files
            .iter()
            .map(|(name, file)| format!("{} {name}", file.sha256()))
            .chain(extras.iter().map(|(name, bytes)| format!("{} {name}", Sha256::of(bytes))))
            .collect();
        list.sort();
        let key = &Sha256::of(list.join("\n")).to_string()[..16];
        let folder = self.root().join("context");
        make_folder(&folder)?;
        sweep(&folder);
        let (path, lock) = claim(&folder, key)?;
        if path.exists() {
            // Left by a run that was killed, perhaps half made.
            fs_err::remove_dir_all(&path).map_err(Error::io("removing", &path))?;
        }
        make_folder(&path)?;
        for (name, file) in files {
            let target = place(&path, name)?;
            if fs_err::hard_link(file.path(), &target).is_err() {
                fs_err::copy(file.path(), &target).map_err(Error::io("copying", &target))?;
            }
        }
        for (name, bytes) in extras {
            let target = place(&path, name)?;
            fs_err::write(&target, bytes).map_err(Error::io("writing", &target))?;
        }
        Ok(Context { path, lock })
    }
}

impl Context {
    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build's sweep.
        let _ = fs_err::remove_dir_all(&self.path);
        let _ = fs_err::remove_file(self.path.with_extension(LOCK));
        let _ = self.lock.unlock();
    }
}

/// The first of `KEY.0`, `KEY.1`, … that no live process uses, and its lock.
fn claim(folder: &Utf8Path, key: &str) -> Result<(Utf8PathBuf, File), Error> {
    let mut number = 0;
    loop {
        let path = folder.join(format!("{key}-{number}"));
        let lock_path = path.with_extension(LOCK);
        let lock = File::create(&lock_path).map_err(Error::io("making", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                number += 1;
                continue;
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("locking", lock_path)(error)),
        }
        // A sweep may have removed the file between its making and our lock on it.
        let mine = lock.metadata().map_err(Error::io("reading", &lock_path))?.ino();
        if std::fs::metadata(&lock_path).is_ok_and(|there| there.ino() == mine) {
            return Ok((path, lock));
        }
    }
}

/// Where `name` goes: it must be one plain name, and free.
fn place(folder: &Utf8Path, name: &str) -> Result<Utf8PathBuf, Error> {
    let path = folder.join(name);
    let plain = Utf8Path::new(name).file_name() == Some(name);
    let problem = match (plain, path.exists()) {
        (true, false) => return Ok(path),
        (true, true) => "the name is taken",
        (false, _) => "this is not a plain file name",
    };
    Err(Error::io("placing", path)(std::io::Error::other(problem)))
}

/// Removes what killed runs left: folders whose lock nobody holds.
fn sweep(folder: &Utf8Path) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    for entry in entries.flatten() {
        let lock_path = entry.path();
        if lock_path.extension() != Some(LOCK) {
            continue;
        }
        let Ok(lock) = File::open(lock_path) else { continue };
        match lock.try_lock() {
            Ok(()) => {
                let _ = fs_err::remove_dir_all(lock_path.with_extension(""));
                let _ = fs_err::remove_file(lock_path);
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        (folder, store)
    }

    #[test]
    fn a_context_holds_what_was_asked_for_and_leaves_nothing_behind() {
        let (_folder, store) = store();
        let wheel = store.put(b"wheel").unwrap();
        let names = [("a-1-py3-none-any.whl".to_owned(), wheel.clone())];
        let extras = [("list.txt".to_owned(), b"a".to_vec())];
        let context = store.context(&names, &extras).unwrap();
        let path = context.path().to_owned();
        assert_eq!(fs_err::read(path.join("a-1-py3-none-any.whl")).unwrap(), b"wheel");
        assert_eq!(fs_err::read_dir(&path).unwrap().count(), 2);
        assert_ne!(store.context(&names, &extras).unwrap().path(), path);
        drop(context);
        assert!(!path.exists());
        assert!(wheel.path().exists());
        assert_eq!(store.context(&names, &extras).unwrap().path(), path);
    }

    #[test]
    fn names_that_leave_the_folder_or_collide_are_refused() {
        let (_folder, store) = store();
        let wheel = store.put(b"wheel").unwrap();
        for names in [&["../a"][..], &["a/b"], &["a", "a"], &[".."], &[""]] {
            let files: Vec<_> = names.iter().map(|n| ((*n).to_owned(), wheel.clone())).collect();
            assert!(store.context(&files, &[]).is_err(), "{names:?}");
        }
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_is_in_use_is_not() {
        let (_folder, store) = store();
        let used = store.context(&[], &[("used".to_owned(), vec![])]).unwrap();
        let dead = store.root().join("context/dead");
        fs_err::create_dir_all(&dead).unwrap();
        fs_err::write(dead.with_extension(LOCK), "").unwrap();
        let _other = store.context(&[], &[]).unwrap();
        assert!(used.path().exists() && !dead.exists());
    }
}
