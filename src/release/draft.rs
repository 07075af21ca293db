//! A release that is decided but not written yet: in between, it is recorded in its registry.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::disk::Sync;
use super::model::FILE_NAME;
use super::{Error, FileChange, History, ProjectLock, Record, transaction};
use crate::spec::ImageName;

/// A release that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The new line of the history; `None`: config.yaml and the last release already say the same,
    /// and nothing was written.
    pub record: Option<Record>,
    /// The changes of the files, as a unified diff; empty when no file had to change.
    pub diff: String,
}

/// A release that is ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its line; `None`: nothing would change, and nothing is written.
    pub(super) record: Option<Record>,
    /// The history's file as it was read.
    pub(super) before: Option<Vec<u8>>,
    /// The history, read.
    pub(super) history: History,
    /// The other files.
    pub(super) changes: Vec<FileChange>,
    /// The changes in them.
    pub(super) diff: String,
}

impl Draft {
    /// The line to be written; `None`: nothing changes.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The releases before it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The history's bytes with the new line.
    ///
    /// # Errors
    /// [`Error::TornLine`].
    pub fn lines(&self) -> Result<Vec<u8>, Error> {
        match &self.record {
            Some(record) => self.history.with(record),
            None => Ok(self.before.clone().unwrap_or_default()),
        }
    }

    /// Gives it a higher number: numbers rise, and may have gaps.
    pub fn renumber(&mut self, number: u64) {
        if let Some(record) = &mut self.record {
            record.number = number.max(self.history.next_number());
        }
    }

    /// Adds images of which the registry does not keep everything.
    pub fn not_kept(&mut self, images: BTreeSet<ImageName>) {
        if let Some(record) = &mut self.record {
            record.not_kept.extend(images);
        }
    }

    /// Whether `other` records the same release, made at another moment or by another user.
    pub fn is_same(&self, other: &Record) -> bool {
        let Some(record) = &self.record else { return false };
        let Record { v, number, kind, lock, engine, images, edits, commit, .. } = record;
        (v, number, kind, lock) == (&other.v, &other.number, &other.kind, &other.lock)
            && (engine, images, edits) == (&other.engine, &other.images, &other.edits)
            && *commit == other.commit
    }

    /// Takes over the record of the same release; returns whether it was the same ([`Draft::is_same`]).
    pub fn adopt(&mut self, other: Record) -> bool {
        let same = self.is_same(&other);
        if same {
            self.record = Some(other);
        }
        same
    }

    /// All files that it changes.
    fn files(&self) -> Result<Vec<FileChange>, Error> {
        let mut changes = self.changes.clone();
        if self.record.is_some() {
            let (before, after) = (self.before.clone(), self.lines()?);
            changes.push(FileChange { file: FILE_NAME.into(), before, after });
        }
        Ok(changes)
    }

    /// Checks whether it can be written, with `more` bytes of envlock's own, and leaves nothing behind.
    ///
    /// # Errors
    /// Those of [`Draft::write`] that can be known before.
    pub(super) fn rehearse(&self, folder: &Utf8Path, more: usize, sync: Sync) -> Result<(), Error> {
        transaction::rehearse(folder, &self.files()?, more, sync)
    }

    /// Writes all files or none.
    ///
    /// # Errors
    /// Those of [`ProjectLock::commit`].
    pub fn write(self, project: &ProjectLock) -> Result<Published, Error> {
        if self.record.is_some() {
            project.commit(&self.files()?)?;
        }
        Ok(Published { record: self.record, diff: self.diff })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Kind;
    use crate::release::model::tests::record;

    #[test]
    fn the_same_release_at_another_time_is_taken_over_and_another_one_is_not() {
        let before = History::default().with(&record(1, Kind::Build, &[])).unwrap();
        let mut draft = Draft {
            record: Some(record(2, Kind::Build, &[("a", Some("x"), Some("y"))])),
            history: History::parse(&before).unwrap(),
            before: Some(before),
            changes: vec![],
            diff: String::new(),
        };
        let mut other = draft.record.clone().unwrap();
        other.time = "2026-11-23T09:00:00Z".parse().unwrap();
        other.by = None;
        assert!(draft.adopt(other.clone()));
        assert_eq!(draft.record(), Some(&other));
        let foreign = Record { engine: None, ..other.clone() };
        assert!(!draft.adopt(foreign) && draft.record() == Some(&other));
        draft.renumber(1);
        assert_eq!(draft.record().unwrap().number, 2);
        draft.renumber(7);
        let lines = History::parse(&draft.lines().unwrap()).unwrap();
        assert_eq!(lines.records.last().unwrap().number, 7);
    }
}
