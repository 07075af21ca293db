//! The state after a release: every value that releases ever changed, and the images. Pure.
//!
//! A rollback's state is the state of the release it went back to. What ran before a release is the
//! state of the record before it, so two rollbacks in a row go further back, not back and forth.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::{Error, History, Kind, Record};
use crate::config::{ConfigPath, Scalar, TextChange};
use crate::digest::Sha256;
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// A value's file and path.
pub type Place = (Utf8PathBuf, ConfigPath);

/// The state after a release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The build it comes from; 0: before the first release.
    pub release: u64,
    /// The hash of its env.lock.
    pub lock: Option<Sha256>,
    /// The engine that built its images.
    pub engine: Option<String>,
    /// Its images.
    pub images: BTreeMap<ImageName, PinnedReference>,
    /// Whether its build changed a file: without one, its images are in the record alone.
    pub changed_files: bool,
    /// Each value; `None`: there was no key.
    pub values: BTreeMap<Place, Option<Scalar>>,
}

impl History {
    /// The state after the last release; before the first, [`State::default`].
    pub fn current(&self) -> Result<State, Error> {
        self.state(self.records.last().map_or(0, |record| record.number))
    }

    /// The state after release `number`; 0: before the first.
    ///
    /// # Errors
    /// [`Error::NoRelease`].
    pub fn state(&self, number: u64) -> Result<State, Error> {
        let build = self.build_of(number)?;
        let mut state =
            State { release: build, values: self.values_after(number), ..State::default() };
        if build != 0 {
            let record = self.record(build)?;
            state.lock = record.lock;
            state.engine = record.engine.clone();
            state.images = record.images.clone();
            state.changed_files = !record.edits.is_empty();
        }
        Ok(state)
    }

    /// The state before the current one: the target of a plain `rollback`.
    ///
    /// # Errors
    /// [`Error::NoEarlier`] before the first release.
    pub fn previous(&self) -> Result<u64, Error> {
        let Some(last) = self.records.last() else {
            return Err(Error::NoEarlier("nothing was released yet".to_owned()));
        };
        let current = self.build_of(last.number)?;
        if current == 0 {
            let reason = "config.yaml is as it was before the first release";
            return Err(Error::NoEarlier(reason.to_owned()));
        }
        let before = self.records.iter().rev().find(|record| record.number < current);
        before.map_or(Ok(0), |record| self.build_of(record.number))
    }

    fn record(&self, number: u64) -> Result<&Record, Error> {
        self.records.iter().find(|record| record.number == number).ok_or_else(|| {
            let known = match (self.records.first(), self.records.last()) {
                (Some(first), Some(last)) => format!(
                    "there are releases {} to {}; 0 is the state before the first",
                    first.number, last.number
                ),
                _ => "nothing was released yet".to_owned(),
            };
            Error::NoRelease { number, known }
        })
    }

    /// The build whose state release `number` has.
    fn build_of(&self, mut number: u64) -> Result<u64, Error> {
        while number != 0 {
            match self.record(number)?.kind {
                Kind::Build => break,
                // A record can only go back: a history that says otherwise must not loop.
                Kind::Rollback { to } if to < number => number = to,
                Kind::Rollback { to } => {
                    let line =
                        self.records.iter().position(|r| r.number == number).unwrap_or(0) + 1;
                    let reason = format!("it goes back to release {to}");
                    return Err(Error::Broken { line, reason });
                }
            }
        }
        Ok(number)
    }

    /// The text of each value that changed since release `number`: from the text after the last release to the text
    /// then. Left out: values without text in a line, or changed by others between two releases.
    pub(super) fn text_back(&self, number: u64) -> BTreeMap<Place, TextChange> {
        let mut back: BTreeMap<Place, Option<(TextChange, Option<Scalar>)>> = BTreeMap::new();
        for record in self.records.iter().rev().take_while(|record| record.number > number) {
            for edit in &record.edits {
                let undone = edit.text.as_ref().map(TextChange::reversed);
                let place = (edit.file.clone(), edit.path.clone());
                let whole = match back.remove(&place) {
                    None => undone,
                    Some(later) => later
                        .filter(|(_, value)| *value == edit.after)
                        .zip(undone)
                        .and_then(|((later, _), earlier)| later.then(&earlier)),
                };
                back.insert(place, whole.map(|text| (text, edit.before.clone())));
            }
        }
        let values = self.values_after(number);
        let fits = |(place, found): (Place, Option<(TextChange, Option<Scalar>)>)| {
            let (text, value) = found?;
            (values.get(&place) == Some(&value)).then_some((place, text))
        };
        back.into_iter().filter_map(fits).collect()
    }

    /// A value is the result of the last edit up to `number`, or the old value of the first edit after it.
    fn values_after(&self, number: u64) -> BTreeMap<Place, Option<Scalar>> {
        let mut values = BTreeMap::new();
        for record in &self.records {
            for edit in &record.edits {
                let place = (edit.file.clone(), edit.path.clone());
                if record.number <= number {
                    values.insert(place, edit.after.clone());
                } else {
                    values.entry(place).or_insert_with(|| edit.before.clone());
                }
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::model::tests::record;

    fn history(records: &[Record]) -> History {
        let empty = History::default();
        records.iter().fold(empty, |h, r| History::parse(&h.with(r).unwrap()).unwrap())
    }

    #[test]
    fn rollbacks_in_a_row_go_further_back() {
        let mut records = vec![
            record(1, Kind::Build, &[("a", Some("tag"), Some("one"))]),
            record(2, Kind::Build, &[("a", Some("one"), Some("two"))]),
            record(3, Kind::Build, &[("a", Some("two"), Some("three"))]),
        ];
        for (number, to) in [(4, 2), (5, 1), (6, 0)] {
            assert_eq!(history(&records).previous().unwrap(), to);
            records.push(record(number, Kind::Rollback { to }, &[]));
        }
        assert!(matches!(history(&records).previous(), Err(Error::NoEarlier(_))));
        assert_eq!(history(&records).current().unwrap().release, 0);
    }

    #[test]
    fn after_a_rollback_and_a_build_the_way_back_is_what_really_ran() {
        let mut records = vec![
            record(1, Kind::Build, &[]),
            record(2, Kind::Build, &[]),
            record(3, Kind::Rollback { to: 1 }, &[]),
            record(4, Kind::Build, &[]),
        ];
        assert_eq!(history(&records).previous().unwrap(), 1);
        records.push(record(5, Kind::Rollback { to: 3 }, &[]));
        let current = history(&records).current().unwrap();
        assert_eq!((current.release, current.lock), (1, records[0].lock));
    }

    #[test]
    fn values_of_a_state_come_from_the_edits_around_it() {
        let history = history(&[
            record(1, Kind::Build, &[("a", Some("tag"), Some("one"))]),
            record(2, Kind::Build, &[("a", Some("one"), Some("two")), ("b", None, Some("x"))]),
        ]);
        let values = |n: u64| -> Vec<_> {
            let state = history.state(n).unwrap();
            state
                .values
                .into_values()
                .map(|v| v.map_or("-".to_owned(), |s| s.to_string()))
                .collect()
        };
        assert_eq!(values(0), ["tag", "-"]);
        assert_eq!(values(1), ["one", "-"]);
        assert_eq!(values(2), ["two", "x"]);
        assert!(matches!(history.state(7), Err(Error::NoRelease { number: 7, .. })));
    }

    #[test]
    fn a_rollback_to_itself_is_a_broken_history() {
        let history = history(&[record(1, Kind::Rollback { to: 1 }, &[])]);
        assert!(matches!(history.current(), Err(Error::Broken { line: 1, .. })));
    }
}
