//! Decides what a rollback changes: history and files as they are → edits and conflicts. Pure.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, History, State};
use crate::config::{ConfigPath, Edit, Scalar, read};

/// What a rollback would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The state that comes back.
    pub target: State,
    /// The edits of each file; values that are right already are left out.
    pub edits: BTreeMap<Utf8PathBuf, Vec<Edit>>,
    /// Values that are neither what the last release left nor what is to come.
    pub conflicts: Vec<Conflict>,
}

/// A value that someone changed by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The file, relative to the project folder.
    pub file: Utf8PathBuf,
    /// Where in it.
    pub path: ConfigPath,
    /// What the last release left.
    pub expected: Option<Scalar>,
    /// What is there.
    pub found: Option<Scalar>,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |v: &Option<Scalar>| v.as_ref().map_or("nothing".to_owned(), Scalar::to_string);
        let (found, expected) = (show(&self.found), show(&self.expected));
        write!(f, "{} {} is {found}, was {expected}", self.file, self.path)
    }
}

/// What going back to release `to` (the previous state when `None`) changes in files with these
/// bytes. `files` is asked once a file. Only values that releases touched are looked at: other edits
/// stay; a file that is gone is a conflict. Errors: those of [`History::state`] and [`History::previous`], a file
/// that is not readable.
pub fn decide(
    history: &History,
    to: Option<u64>,
    mut files: impl FnMut(&Utf8Path) -> Result<Vec<u8>, Error>,
) -> Result<Plan, Error> {
    let target = history.state(to.map_or_else(|| history.previous(), Ok)?)?;
    let expected = history.current()?.values;
    let mut read_files: BTreeMap<&Utf8Path, Option<Vec<u8>>> = BTreeMap::new();
    let mut edits: BTreeMap<Utf8PathBuf, Vec<Edit>> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for ((file, path), value) in &target.values {
        if !read_files.contains_key(file.as_path()) {
            read_files.insert(file, if_there(files(file))?);
        }
        let bytes = &read_files[file.as_path()];
        let found = match bytes {
            Some(bytes) => read(bytes, path).map_err(|e| e.in_file(file.as_str()))?,
            None => None,
        };
        if found == *value {
            continue;
        }
        let expected = expected.get(&(file.clone(), path.clone())).cloned().flatten();
        if found != expected || bytes.is_none() {
            let (file, path) = (file.clone(), path.clone());
            conflicts.push(Conflict { file, path, expected, found });
        }
        if bytes.is_none() {
            // Nothing can be put into a file that somebody took away; the conflict says so.
            continue;
        }
        let edit = Edit { path: path.clone(), value: value.clone() };
        edits.entry(file.clone()).or_default().push(edit);
    }
    Ok(Plan { target, edits, conflicts })
}

fn if_there(file: Result<Vec<u8>, Error>) -> Result<Option<Vec<u8>>, Error> {
    match file {
        Err(error) if error.is_absence() => Ok(None),
        file => file.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Kind;
    use crate::release::model::tests::record;

    fn history() -> History {
        let first = record(1, Kind::Build, &[("s.image", Some("tag"), Some("one"))]);
        let second = record(2, Kind::Build, &[("s.image", Some("one"), Some("two"))]);
        let bytes = History::default().with(&first).unwrap();
        let bytes = History::parse(&bytes).unwrap().with(&second).unwrap();
        History::parse(&bytes).unwrap()
    }
    fn decided(to: Option<u64>, yaml: &str) -> Plan {
        decide(&history(), to, |_| Ok(yaml.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn the_state_before_comes_back_and_other_hand_edits_stay() {
        let plan = decided(None, "s: {image: two, port: 9999}\n");
        assert_eq!((plan.target.release, plan.conflicts.len()), (1, 0));
        let edits = &plan.edits[Utf8Path::new("config.yaml")];
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0].value, Some(Scalar::String("one".to_owned())));
        let zero = decided(Some(0), "s: {image: two}\n");
        let edits = &zero.edits[Utf8Path::new("config.yaml")];
        assert_eq!(edits[0].value, Some(Scalar::String("tag".to_owned())));
    }

    #[test]
    fn a_file_that_was_taken_away_is_a_conflict_and_gets_no_edit() {
        let gone = |file: &Utf8Path| {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            Err(Error::File { path: file.to_owned(), action: "read", source })
        };
        let plan = decide(&history(), None, gone).unwrap();
        assert_eq!((plan.conflicts.len(), plan.edits.len()), (1, 0));
        assert_eq!(plan.conflicts[0].to_string(), "config.yaml s.image is nothing, was two");
    }

    #[test]
    fn an_image_changed_by_hand_is_a_conflict_unless_it_is_the_target_already() {
        let plan = decided(None, "s: {image: mine}\n");
        assert_eq!(plan.conflicts.len(), 1);
        assert_eq!(plan.conflicts[0].to_string(), "config.yaml s.image is mine, was two");
        let plan = decided(None, "s: {image: one}\n");
        assert_eq!((plan.conflicts.len(), plan.edits.len()), (0, 0));
    }
}
