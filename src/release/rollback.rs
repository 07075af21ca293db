//! Decides what a rollback changes: history and present files → edits and conflicts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Error, History, State};
use crate::config::{self, ConfigPath, Edit, Scalar};

/// What a rollback would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The state that is restored.
    pub target: State,
    /// The edits of each file. Values that are right already are left out, unless they would change with the others.
    pub edits: BTreeMap<Utf8PathBuf, Vec<Edit>>,
    /// The files as they were read, in which the edits are made.
    pub files: config::Files,
    /// Values that are neither those of the last release nor those to be restored.
    pub conflicts: Vec<Conflict>,
}

/// A value that someone changed by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The file, relative to the project folder.
    pub file: Utf8PathBuf,
    /// Where in it.
    pub path: ConfigPath,
    /// The value after the last release.
    pub expected: Option<Scalar>,
    /// The present value.
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
/// bytes. `files` is asked once a file. Only values that releases changed are considered: other edits
/// stay; a missing file is a conflict.
///
/// # Errors
/// Those of [`History::state`] and [`History::previous`], a file that is not readable.
pub fn decide(
    history: &History,
    to: Option<u64>,
    mut files: impl FnMut(&Utf8Path) -> Result<Vec<u8>, Error>,
) -> Result<Plan, Error> {
    let number = to.map_or_else(|| history.previous(), Ok)?;
    let target = history.state(number)?;
    let (expected, mut texts) = (history.current()?.values, history.text_back(number));
    let mut gone: BTreeSet<&Utf8Path> = BTreeSet::new();
    let mut right: BTreeMap<&Utf8Path, Vec<Edit>> = BTreeMap::new();
    let mut plan =
        Plan { edits: BTreeMap::new(), files: config::Files::new(), conflicts: vec![], target };
    for (place, value) in &plan.target.values {
        let (file, path) = place;
        if !plan.files.contains_key(file) && !gone.contains(file.as_path()) {
            match if_there(files(file))? {
                Some(bytes) => _ = plan.files.insert(file.clone(), bytes),
                None => _ = gone.insert(file),
            }
        }
        let (bytes, expected) = (plan.files.get(file), expected.get(place).cloned().flatten());
        let Some(bytes) = bytes else {
            // A file that was removed cannot be edited; the conflict reports it.
            if value.is_some() {
                let (file, path) = place.clone();
                plan.conflicts.push(Conflict { file, path, expected, found: None });
            }
            continue;
        };
        let in_file = |error: config::Error| error.in_file(file.as_str());
        let edit = Edit { path: path.clone(), value: value.clone(), text: texts.remove(place) };
        let found = config::read(bytes, path).map_err(in_file)?;
        let is_right = found == *value;
        if is_right
            && (edit.text.is_none() || !config::would_change(bytes, &edit).map_err(in_file)?)
        {
            right.entry(file).or_default().push(edit);
            continue;
        }
        if found != expected {
            let (file, path) = place.clone();
            plan.conflicts.push(Conflict { file, path, expected, found });
        }
        plan.edits.entry(file.clone()).or_default().push(edit);
    }
    for (file, edits) in &mut plan.edits {
        if let Some(right) = right.remove(file.as_path())
            && config::edit(&plan.files[file], edits).is_err()
        {
            edits.extend(right);
        }
    }
    Ok(plan)
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
