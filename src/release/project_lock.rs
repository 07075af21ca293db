//! Locks that keep two envlocks from working in one project at the same time.
//!
//! The locks are the kernel's (flock): they are released when the process ends, in whatever way.

use std::fs::{File, TryLockError};

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::{FOLDER, Sync};
use super::transaction::{self, FileChange, Recovered};
use super::{Error, disk};

/// While this value exists, no other envlock writes to the project.
#[derive(Debug)]
pub struct ProjectLock {
    folder: Utf8PathBuf,
    _file: File,
}

impl ProjectLock {
    /// Waits until no other envlock writes to the project in `folder`; `waiting` is called once
    /// before a wait.
    ///
    /// # Errors
    /// [`Error::File`] when `.envlock` cannot be made.
    pub fn acquire(folder: &Utf8Path, waiting: impl FnOnce()) -> Result<Self, Error> {
        let taken = || {
            waiting();
            Ok(())
        };
        let file = hold(folder, PROJECT, taken)?;
        Ok(ProjectLock { folder: folder.to_owned(), _file: file })
    }

    /// The same without a wait.
    ///
    /// # Errors
    /// [`Error::Busy`] when another envlock writes to the project.
    pub fn acquire_now(folder: &Utf8Path) -> Result<Self, Error> {
        let file = hold(folder, PROJECT, || Err(Error::Busy { what: "writes to" }))?;
        Ok(ProjectLock { folder: folder.to_owned(), _file: file })
    }

    /// The project's folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Finishes or undoes what an interrupted envlock left. Call it before reading files that will
    /// be changed.
    ///
    /// # Errors
    /// [`Error::Stuck`] when neither is possible.
    pub fn recover(&self) -> Result<Option<Recovered>, Error> {
        transaction::recover(&self.folder)
    }

    /// Writes all files or none. Files that would not change are left alone.
    ///
    /// # Errors
    /// [`Error::ChangedMeanwhile`], [`Error::ReadOnly`], [`Error::File`] …: then every file has its old bytes.
    /// [`Error::Unfinished`]: the next [`ProjectLock::recover`] undoes it.
    pub fn commit(&self, changes: &[FileChange]) -> Result<(), Error> {
        transaction::commit(&self.folder, changes)
    }
}

const PROJECT: &str = "lock";
const BUILD: &str = "build.lock";

/// Keeps other envlocks from building in `folder`: they share one build context. Calls `waiting` when
/// another one builds, then waits for it. Held as long as the file is.
pub fn hold_build(folder: &Utf8Path, waiting: impl FnOnce()) -> Result<File, Error> {
    hold(folder, BUILD, || {
        waiting();
        Ok(())
    })
}

/// The same without a wait.
///
/// # Errors
/// [`Error::Busy`] when another envlock builds.
pub fn hold_build_now(folder: &Utf8Path) -> Result<File, Error> {
    hold(folder, BUILD, || Err(Error::Busy { what: "builds in" }))
}

/// An exclusive lock on `.envlock/NAME`, which is created where it is missing.
fn hold(
    folder: &Utf8Path,
    name: &str,
    taken: impl FnOnce() -> Result<(), Error>,
) -> Result<File, Error> {
    let own = folder.join(FOLDER);
    // Not the project folder itself: a mistyped --project must not create one.
    disk::make_folder(&own)?;
    let ignore = own.join(".gitignore");
    if disk::read(&ignore)?.is_none() {
        disk::replace(&ignore, b"*\n", Sync::Later)?;
    }
    let path = own.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::file(&path, "opened"))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => taken()?,
        Err(TryLockError::Error(error)) => return Err(Error::file(&path, "locked")(error)),
    }
    file.lock().map_err(Error::file(&path, "locked"))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::TempDir::new().unwrap();
        let folder = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        (temporary, folder)
    }

    #[test]
    fn a_second_envlock_waits_for_the_first_or_fails_at_once() {
        let (_kept, folder) = folder();
        let first = ProjectLock::acquire(&folder, || panic!("nobody else has it")).unwrap();
        assert!(matches!(ProjectLock::acquire_now(&folder), Err(Error::Busy { .. })));
        let (told, waits) = std::sync::mpsc::channel();
        let second = std::thread::spawn({
            let folder = folder.clone();
            move || ProjectLock::acquire(&folder, || told.send(()).unwrap()).map(drop).unwrap()
        });
        waits.recv().unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap();
        ProjectLock::acquire_now(&folder).unwrap();
    }

    #[test]
    fn a_second_build_says_that_it_waits_and_gets_its_turn() {
        let (_kept, folder) = folder();
        let first = hold_build(&folder, || panic!("nobody else builds")).unwrap();
        assert!(matches!(hold_build_now(&folder), Err(Error::Busy { .. })));
        let (says, heard) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let folder = &folder;
            let second =
                scope.spawn(move || hold_build(folder, || says.send(()).unwrap()).unwrap());
            heard.recv().unwrap();
            assert!(!second.is_finished());
            drop(first);
            second.join().unwrap();
        });
    }
}
