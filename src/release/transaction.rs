//! Several files change together or not at all, under kill -9 at any point.
//!
//! New bytes are written beside each file and synced; only when the journal that names them all is
//! on disk are they renamed into place. A journal that is found later is finished, or, when someone
//! wrote to a file since, undone. Mode, owner and symlinks of the files stay.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::digest::Sha256;

/// envlock's own folder in a project: never in git, safe to delete while no envlock runs.
pub const FOLDER: &str = ".envlock";

/// A file's new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Relative to the project folder.
    pub file: Utf8PathBuf,
    /// What was read; `None`: there was no file.
    pub before: Option<Vec<u8>>,
    /// What is to be written.
    pub after: Vec<u8>,
}

/// What became of an interrupted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// These files have their new content now.
    Finished(Vec<Utf8PathBuf>),
    /// These files have their old content.
    Undone(Vec<Utf8PathBuf>),
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, files) = match self {
            Recovered::Finished(files) => ("finished", files),
            Recovered::Undone(files) => ("undid", files),
        };
        let files: Vec<_> = files.iter().map(|file| file.as_str()).collect();
        write!(f, "{what} an interrupted change of {}", files.join(", "))
    }
}

/// While it lives, no other envlock writes to the project.
#[derive(Debug)]
pub struct ProjectLock {
    folder: Utf8PathBuf,
    _file: File,
}

/// Whether a change was interrupted and waits for [`ProjectLock::recover`], or is under way.
pub fn is_interrupted(folder: &Utf8Path) -> bool {
    Transaction { folder, journal: None }.journal_path().exists()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// Files are as they were; new bytes may lie beside them.
    Staging,
    /// All new bytes are on disk; files may have them already.
    Committing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Journal {
    v: u32,
    phase: Phase,
    entries: Vec<JournalEntry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct JournalEntry {
    /// As the user knows it.
    file: Utf8PathBuf,
    /// Where it really is, symlinks followed.
    target: Utf8PathBuf,
    /// The new bytes, beside the target.
    staged: Utf8PathBuf,
    before: Option<Sha256>,
    after: Sha256,
}

/// Keeps other envlocks from building in `folder`: they share one build context. Calls `waiting` when
/// another one builds, then waits for it. Held as long as the file is.
pub fn hold_build(folder: &Utf8Path, waiting: impl FnOnce()) -> Result<File, Error> {
    hold(folder, "build.lock", waiting)
}

/// An exclusive lock on `.envlock/NAME`, which is made where it is missing.
fn hold(folder: &Utf8Path, name: &str, waiting: impl FnOnce()) -> Result<File, Error> {
    let own = folder.join(FOLDER);
    // Not the project folder itself: a mistyped --project must not make one.
    match fs_err::create_dir(&own) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(Error::file(&own, "created")(error));
        }
        _ => {}
    }
    let ignore = own.join(".gitignore");
    if !ignore.exists() {
        fs_err::write(&ignore, "*\n").map_err(Error::file(&ignore, "written"))?;
    }
    let path = own.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::file(&path, "opened"))?;
    if file.try_lock().is_err() {
        waiting();
        file.lock().map_err(Error::file(&path, "locked"))?;
    }
    Ok(file)
}

impl ProjectLock {
    /// Waits until no other envlock writes to the project in `folder`; `waiting` is called once
    /// before a wait. Errors: [`Error::File`] when `.envlock` cannot be made.
    pub fn acquire(folder: &Utf8Path, waiting: impl FnOnce()) -> Result<Self, Error> {
        let file = hold(folder, "lock", waiting)?;
        Ok(ProjectLock { folder: folder.to_owned(), _file: file })
    }

    /// The project's folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Finishes or undoes what an interrupted envlock left. Call it before reading what you will
    /// change. Errors: [`Error::Stuck`] when neither is possible.
    pub fn recover(&self) -> Result<Option<Recovered>, Error> {
        Transaction { folder: &self.folder, journal: None }.recover()
    }

    /// Writes all files or none. Files that would not change are left alone.
    /// Errors: [`Error::ChangedMeanwhile`], [`Error::ReadOnly`], [`Error::File`]: then every file
    /// has its old bytes.
    pub fn commit(&self, changes: &[FileChange]) -> Result<(), Error> {
        let mut transaction = Transaction { folder: &self.folder, journal: None };
        for step in transaction.steps(changes)? {
            if let Err(error) = transaction.run(&step) {
                // The same way back that a crash takes; the error that started it is the one to show.
                transaction.undo()?;
                return Err(error);
            }
        }
        Ok(())
    }
}

/// One thing that is done at once; a crash falls between two of them or leaves one half done.
#[derive(Debug, Clone)]
enum Step<'c> {
    Journal(Journal),
    KeepOld(usize, &'c [u8]),
    Stage(JournalEntry, &'c [u8]),
    Rename(JournalEntry),
    Finish,
}

struct Transaction<'f> {
    folder: &'f Utf8Path,
    journal: Option<Journal>,
}

impl Transaction<'_> {
    fn home(&self) -> Utf8PathBuf {
        self.folder.join(FOLDER).join("transaction")
    }

    fn journal_path(&self) -> Utf8PathBuf {
        self.home().join("journal.json")
    }

    fn steps<'c>(&self, changes: &'c [FileChange]) -> Result<Vec<Step<'c>>, Error> {
        let changes: Vec<_> =
            changes.iter().filter(|c| c.before.as_ref() != Some(&c.after)).collect();
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let entries = changes
            .iter()
            .map(|change| {
                let target = real_path(&self.folder.join(&change.file))?;
                let name = target.file_name().unwrap_or_default();
                let entry = JournalEntry {
                    staged: target.with_file_name(format!(".{name}.envlock-new")),
                    file: change.file.clone(),
                    target,
                    before: change.before.as_ref().map(Sha256::of),
                    after: Sha256::of(&change.after),
                };
                check_unchanged(&entry)?;
                check_writable(&entry.target)?;
                Ok(entry)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let journal = |phase| Step::Journal(Journal { v: 1, phase, entries: entries.clone() });
        let mut steps = vec![journal(Phase::Staging)];
        for (at, (change, entry)) in changes.iter().zip(&entries).enumerate() {
            if let Some(before) = &change.before {
                steps.push(Step::KeepOld(at, before));
            }
            steps.push(Step::Stage(entry.clone(), &change.after));
        }
        steps.push(journal(Phase::Committing));
        steps.extend(entries.iter().cloned().map(Step::Rename));
        steps.push(Step::Finish);
        Ok(steps)
    }

    fn run(&mut self, step: &Step<'_>) -> Result<(), Error> {
        match step {
            Step::Journal(journal) => {
                let home = self.home();
                fs_err::create_dir_all(&home).map_err(Error::file(&home, "created"))?;
                self.journal = Some(journal.clone());
                let text = serde_json::to_vec_pretty(journal).expect("a journal always serializes");
                let staged = home.join("journal.new");
                write_synced(&staged, &text)?;
                rename_synced(&staged, &self.journal_path())
            }
            Step::KeepOld(at, bytes) => write_synced(&self.home().join(format!("{at}.old")), bytes),
            Step::Stage(entry, bytes) => {
                write_synced(&entry.staged, bytes)?;
                like_target(entry)
            }
            Step::Rename(entry) => {
                check_unchanged(entry)?;
                rename_synced(&entry.staged, &entry.target)
            }
            Step::Finish => self.finish(),
        }
    }

    fn recover(mut self) -> Result<Option<Recovered>, Error> {
        let path = self.journal_path();
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(&path, "read")(error)),
        };
        let journal: Journal = serde_json::from_slice(&bytes).map_err(|e| Error::Stuck {
            path: path.clone(),
            reason: format!("the journal cannot be read ({e})"),
        })?;
        let files: Vec<_> = journal.entries.iter().map(|e| e.file.clone()).collect();
        self.journal = Some(journal.clone());
        if journal.phase == Phase::Staging {
            self.undo()?;
            return Ok(Some(Recovered::Undone(files)));
        }
        // Finishing is possible when each file is old, with its new bytes at hand, or new already.
        let can_finish = |entry: &JournalEntry| {
            let now = sha_of(&entry.target)?;
            let ready = now == entry.before && sha_of(&entry.staged)? == Some(entry.after);
            Ok::<_, Error>(ready || now == Some(entry.after))
        };
        let all = journal.entries.iter().map(can_finish).collect::<Result<Vec<_>, _>>()?;
        if !all.into_iter().all(|can| can) {
            self.undo()?;
            return Ok(Some(Recovered::Undone(files)));
        }
        for entry in &journal.entries {
            if sha_of(&entry.target)? != Some(entry.after) {
                rename_synced(&entry.staged, &entry.target)?;
            }
        }
        self.finish()?;
        Ok(Some(Recovered::Finished(files)))
    }

    /// Gives files that have their new bytes their old ones; files someone else wrote to stay.
    fn undo(&mut self) -> Result<(), Error> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        for (at, entry) in journal.entries.iter().enumerate() {
            if sha_of(&entry.target)? != Some(entry.after) || entry.before == Some(entry.after) {
                continue;
            }
            let Some(before) = entry.before else {
                remove(&entry.target)?;
                continue;
            };
            let old = self.home().join(format!("{at}.old"));
            let bytes = fs_err::read(&old).ok().filter(|bytes| Sha256::of(bytes) == before);
            let bytes = bytes.ok_or_else(|| Error::Stuck {
                path: entry.file.clone(),
                reason: format!("its old content is not in {old}"),
            })?;
            write_synced(&entry.staged, &bytes)?;
            like_target(entry)?;
            rename_synced(&entry.staged, &entry.target)?;
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Error> {
        let Some(journal) = self.journal.take() else { return Ok(()) };
        for entry in &journal.entries {
            remove(&entry.staged)?;
        }
        // The journal goes first: without it the rest is only litter.
        remove(&self.journal_path())?;
        let home = self.home();
        sync_folder(&home)?;
        fs_err::remove_dir_all(&home).map_err(Error::file(&home, "removed"))
    }
}

/// The file behind symlinks; for a file that does not exist yet, its place in the real folder.
fn real_path(path: &Utf8Path) -> Result<Utf8PathBuf, Error> {
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

fn check_unchanged(entry: &JournalEntry) -> Result<(), Error> {
    if sha_of(&entry.target)? == entry.before {
        return Ok(());
    }
    Err(Error::ChangedMeanwhile { path: entry.file.clone() })
}

/// A rename would pass over a file's own write protection: ask for it first.
fn check_writable(target: &Utf8Path) -> Result<(), Error> {
    match fs_err::metadata(target) {
        Ok(facts) if facts.permissions().readonly() => {
            Err(Error::ReadOnly { path: target.to_owned() })
        }
        Ok(facts) if !facts.is_file() => {
            Err(Error::file(target, "replaced")(std::io::Error::other("it is not a file")))
        }
        _ => Ok(()),
    }
}

/// Gives the staged file the mode and owner of the file it replaces; a new one is for all to read.
fn like_target(entry: &JournalEntry) -> Result<(), Error> {
    let failed =
        |source| Error::File { path: entry.staged.clone(), action: "given its owner", source };
    let Ok(old) = fs_err::metadata(&entry.target) else {
        let mode = std::fs::Permissions::from_mode(0o644);
        return fs_err::set_permissions(&entry.staged, mode).map_err(failed);
    };
    let new = fs_err::metadata(&entry.staged).map_err(failed)?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        std::os::unix::fs::chown(&entry.staged, Some(old.uid()), Some(old.gid()))
            .map_err(failed)?;
    }
    let mode = std::fs::Permissions::from_mode(old.mode() & 0o7777);
    fs_err::set_permissions(&entry.staged, mode).map_err(failed)
}

fn sha_of(path: &Utf8Path) -> Result<Option<Sha256>, Error> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(Sha256::of(bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path, "read")(error)),
    }
}

/// Writes a new file for this user only: the file it is made from may be secret.
fn write_synced(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    remove(path)?;
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::file(path, "written"))
}

fn rename_synced(from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
    fs_err::rename(from, to).map_err(Error::file(to, "replaced"))?;
    to.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Utf8Path) -> Result<(), Error> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(Error::file(folder, "synced"))
}

fn remove(path: &Utf8Path) -> Result<(), Error> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(path, "removed")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
