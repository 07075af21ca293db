//! Several files change together or not at all, also under kill -9 at any point.
//!
//! Old and new bytes are written beside each file and synced; only when the journal that names them all
//! is on disk are the new ones renamed into place. A journal that is found later is finished, or, when
//! someone wrote to a file since, undone: by renames alone, so a full disk cannot stop it. Mode, owner
//! and symlinks of the files stay.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::disk::{FOLDER, Sync};
use super::{Error, disk, replaceable};
use crate::digest::Sha256;

/// The format of the journal.
const VERSION: u32 = 2;

/// An upper bound of a journal's size, in bytes.
const JOURNAL: usize = 8 << 10;

/// A file's new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Relative to the project folder.
    pub file: Utf8PathBuf,
    /// What was read; `None`: there was no file.
    pub before: Option<Vec<u8>>,
    /// The bytes to write.
    pub after: Vec<u8>,
}

/// The result of recovering an interrupted change.
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

/// Whether a change was interrupted and waits for [`super::ProjectLock::recover`], or is under way.
pub fn is_interrupted(folder: &Utf8Path) -> bool {
    let transaction = Transaction { folder, journal: None };
    transaction.journal_path().exists() || transaction.done_path().exists()
}

/// See [`super::ProjectLock::commit`]; the caller holds the lock.
pub(super) fn commit(folder: &Utf8Path, changes: &[FileChange]) -> Result<(), Error> {
    let mut transaction = Transaction { folder, journal: None };
    for step in transaction.steps(changes)? {
        if let Err(error) = transaction.run(&step) {
            // Undone as after a crash; the error shown is the one that caused it.
            return Err(match transaction.undo() {
                Ok(()) => error,
                Err(undo) => Error::Unfinished { undo: undo.to_string(), source: Box::new(error) },
            });
        }
    }
    Ok(())
}

/// Checks whether [`commit`] would succeed, and leaves nothing behind: checks every file, and writes as many bytes
/// beside each as it would, with `more` bytes of envlock's own.
///
/// # Errors
/// Those of `commit`.
pub(super) fn rehearse(
    folder: &Utf8Path,
    changes: &[FileChange],
    more: usize,
    sync: Sync,
) -> Result<(), Error> {
    let transaction = Transaction { folder, journal: None };
    let mut taken = Vec::new();
    for step in transaction.steps(changes)? {
        if let Step::KeepOld(entry, bytes) | Step::Stage(entry, bytes) = step {
            taken.push(replaceable::rehearse(&transaction.place(&entry)?.target, bytes, sync)?);
        }
    }
    let own = folder.join(FOLDER).join("lock");
    taken.push(replaceable::rehearse(&own, &vec![0; more + JOURNAL], sync)?);
    Ok(())
}

/// See [`super::ProjectLock::recover`]; the caller holds the lock.
pub(super) fn recover(folder: &Utf8Path) -> Result<Option<Recovered>, Error> {
    Transaction { folder, journal: None }.recover()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    /// Files are unchanged; new bytes may be beside them.
    Staging,
    /// All new bytes are on disk; files may have them already.
    Committing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Journal {
    v: u32,
    phase: Phase,
    entries: Vec<Entry>,
}

/// A file and its bytes before and after. Where it is follows from the project folder, which may be
/// mounted elsewhere when the journal is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Its path, as messages name it.
    file: Utf8PathBuf,
    before: Option<Sha256>,
    after: Sha256,
}

/// The paths of a file and of its old and new bytes.
struct Place {
    /// The file itself, symlinks followed.
    target: Utf8PathBuf,
    /// The new bytes.
    new: Utf8PathBuf,
    /// The old bytes.
    old: Utf8PathBuf,
}

/// One atomic step; a crash happens between two of them or leaves one incomplete.
#[derive(Debug, Clone)]
enum Step<'c> {
    Journal(Journal),
    KeepOld(Entry, &'c [u8]),
    Stage(Entry, &'c [u8]),
    Rename(Entry),
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

    /// The journal of a completed change, while the files beside are removed.
    fn done_path(&self) -> Utf8PathBuf {
        self.home().join("done.json")
    }

    fn place(&self, entry: &Entry) -> Result<Place, Error> {
        let target = disk::real_path(&self.folder.join(&entry.file))?;
        let name = target.file_name().unwrap_or_default();
        Ok(Place {
            new: target.with_file_name(format!(".{name}.envlock-new")),
            old: target.with_file_name(format!(".{name}.envlock-old")),
            target,
        })
    }

    fn steps<'c>(&self, changes: &'c [FileChange]) -> Result<Vec<Step<'c>>, Error> {
        let changes: Vec<_> =
            changes.iter().filter(|c| c.before.as_ref() != Some(&c.after)).collect();
        if changes.is_empty() {
            return Ok(vec![]);
        }
        let mut entries = Vec::new();
        let mut targets: Vec<(Utf8PathBuf, &Utf8PathBuf)> = Vec::new();
        for change in &changes {
            let (before, after) =
                (change.before.as_ref().map(Sha256::of), Sha256::of(&change.after));
            let entry = Entry { file: change.file.clone(), before, after };
            let target = self.place(&entry)?.target;
            if let Some((_, other)) = targets.iter().find(|(known, _)| *known == target) {
                let (file, other) = (change.file.clone(), (*other).clone());
                return Err(Error::SameFile { file, other });
            }
            self.check_unchanged(&entry)?;
            replaceable::check(&target)?;
            targets.push((target, &change.file));
            entries.push(entry);
        }
        let journal =
            |phase| Step::Journal(Journal { v: VERSION, phase, entries: entries.clone() });
        let mut steps = vec![journal(Phase::Staging)];
        for (change, entry) in changes.iter().zip(&entries) {
            if let Some(before) = &change.before {
                steps.push(Step::KeepOld(entry.clone(), before));
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
                disk::make_folder(&self.home())?;
                self.journal = Some(journal.clone());
                let text = serde_json::to_vec_pretty(journal).expect("a journal always serializes");
                // No file is changed before the journal of the second phase is on disk: the first only lists the files beside.
                let sync = match journal.phase {
                    Phase::Staging => Sync::Later,
                    Phase::Committing => Sync::Now,
                };
                disk::replace(&self.journal_path(), &text, sync)
            }
            Step::KeepOld(entry, bytes) => {
                let place = self.place(entry)?;
                disk::write_like(&place.target, &place.old, bytes)
            }
            Step::Stage(entry, bytes) => {
                let place = self.place(entry)?;
                disk::write_like(&place.target, &place.new, bytes)
            }
            Step::Rename(entry) => {
                self.check_unchanged(entry)?;
                let place = self.place(entry)?;
                disk::rename(&place.new, &place.target)
            }
            Step::Finish => {
                let journal = self.journal.clone();
                journal.iter().try_for_each(|journal| self.sync(journal))?;
                self.finish()
            }
        }
    }

    fn check_unchanged(&self, entry: &Entry) -> Result<(), Error> {
        if disk::sha_of(&self.place(entry)?.target)? == entry.before {
            return Ok(());
        }
        Err(Error::ChangedMeanwhile { path: entry.file.clone() })
    }

    fn recover(mut self) -> Result<Option<Recovered>, Error> {
        let Some(journal) = self.read(&self.journal_path())? else {
            // A journal of the first phase that a power failure emptied: no file was changed.
            if self.journal_path().exists() {
                self.clear(&Journal { v: VERSION, phase: Phase::Staging, entries: vec![] });
                return Ok(None);
            }
            if let Some(done) = self.read(&self.done_path())? {
                self.clear(&done);
            }
            return Ok(None);
        };
        let files: Vec<_> = journal.entries.iter().map(|e| e.file.clone()).collect();
        self.journal = Some(journal.clone());
        if journal.phase == Phase::Staging || !self.can_finish(&journal)? {
            self.undo()?;
            return Ok(Some(Recovered::Undone(files)));
        }
        for entry in &journal.entries {
            let place = self.place(entry)?;
            if disk::sha_of(&place.target)? != Some(entry.after) {
                disk::rename(&place.new, &place.target)?;
            }
        }
        self.sync(&journal)?;
        self.finish()?;
        Ok(Some(Recovered::Finished(files)))
    }

    fn read(&self, path: &Utf8Path) -> Result<Option<Journal>, Error> {
        let Some(bytes) = disk::read(path)? else { return Ok(None) };
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let stuck = |reason| Error::Stuck { path: path.to_owned(), reason };
        let journal: Journal = serde_json::from_slice(&bytes)
            .map_err(|e| stuck(format!("the journal cannot be read ({e})")))?;
        match journal.v {
            VERSION => Ok(Some(journal)),
            v => Err(stuck(format!("its format is {v}, this envlock reads {VERSION}"))),
        }
    }

    /// Finishing is possible when each file is old, with its new bytes at hand, or new already.
    fn can_finish(&self, journal: &Journal) -> Result<bool, Error> {
        for entry in &journal.entries {
            let place = self.place(entry)?;
            let now = disk::sha_of(&place.target)?;
            let ready = now == entry.before && disk::sha_of(&place.new)? == Some(entry.after);
            if !ready && now != Some(entry.after) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives files that have their new bytes their old ones back; files that someone else wrote to stay.
    fn undo(&mut self) -> Result<(), Error> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        // While new bytes were only written beside, no file was changed: their content must stay.
        let touched = journal.phase == Phase::Committing;
        for entry in journal.entries.iter().filter(|_| touched) {
            let place = self.place(entry)?;
            if disk::sha_of(&place.target)? != Some(entry.after) {
                continue;
            }
            let Some(before) = entry.before else {
                disk::remove(&place.target)?;
                continue;
            };
            if disk::sha_of(&place.old)? != Some(before) {
                let reason = format!("its old content is not in {}", place.old);
                return Err(Error::Stuck { path: entry.file.clone(), reason });
            }
            disk::rename(&place.old, &place.target)?;
        }
        self.sync(&journal)?;
        self.finish()
    }

    /// Syncs the folders: the journal may only be removed when no power failure can undo the renames.
    fn sync(&self, journal: &Journal) -> Result<(), Error> {
        let targets = journal.entries.iter().map(|entry| Ok(self.place(entry)?.target));
        let targets = targets.collect::<Result<Vec<_>, Error>>()?;
        let mut folders: Vec<_> = targets.iter().filter_map(|target| target.parent()).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.into_iter().try_for_each(disk::sync_folder)
    }

    fn finish(&mut self) -> Result<(), Error> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        // From here on the change is complete, even if the files beside cannot be removed.
        if self.journal_path().exists() {
            disk::rename(&self.journal_path(), &self.done_path())?;
            disk::sync_folder(&self.home())?;
        }
        self.journal = None;
        self.clear(&journal);
        Ok(())
    }

    /// Removes what a change left beside the files. What cannot be removed now is removed by the next envlock.
    fn clear(&self, journal: &Journal) {
        let clear = || -> Result<(), Error> {
            for entry in &journal.entries {
                let place = self.place(entry)?;
                disk::remove(&place.new)?;
                disk::remove(&place.old)?;
            }
            let home = self.home();
            disk::remove(&self.done_path())?;
            fs_err::remove_dir_all(&home).map_err(Error::file(&home, "removed"))
        };
        if let Err(error) = clear() {
            tracing::debug!("left for later: {error}");
        }
    }
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
