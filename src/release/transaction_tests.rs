use super::*;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use crate::release::ProjectLock;

struct Project {
    _temporary: tempfile::TempDir,
    folder: Utf8PathBuf,
}

/// config.yaml is a symlink into another folder; the history does not exist yet.
fn project() -> Project {
    let temporary = tempfile::TempDir::new().unwrap();
    let folder = Utf8PathBuf::from_path_buf(temporary.path().join("project")).unwrap();
    fs_err::create_dir_all(folder.join("deploy")).unwrap();
    fs_err::write(folder.join("deploy/real.yaml"), "old").unwrap();
    let mode = std::fs::Permissions::from_mode(0o640);
    fs_err::set_permissions(folder.join("deploy/real.yaml"), mode).unwrap();
    symlink("deploy/real.yaml", folder.join("config.yaml")).unwrap();
    fs_err::write(folder.join("env.lock"), "old").unwrap();
    Project { _temporary: temporary, folder }
}

fn changes() -> Vec<FileChange> {
    let change = |file: &str, before: Option<&str>| FileChange {
        file: file.into(),
        before: before.map(|b| b.as_bytes().to_vec()),
        after: b"new".to_vec(),
    };
    vec![
        change("config.yaml", Some("old")),
        change("env.releases.jsonl", None),
        change("env.lock", Some("old")),
    ]
}

impl Project {
    fn lock(&self) -> ProjectLock {
        ProjectLock::acquire(&self.folder, || panic!("nobody else has it")).unwrap()
    }
    fn contents(&self) -> [Option<String>; 3] {
        ["config.yaml", "env.releases.jsonl", "env.lock"]
            .map(|file| fs_err::read_to_string(self.folder.join(file)).ok())
    }
    fn assert_tidy(&self) {
        let names = |folder: Utf8PathBuf| -> Vec<String> {
            let entries = folder.read_dir_utf8().unwrap();
            entries.map(|e| e.unwrap().file_name().to_owned()).collect()
        };
        for name in [names(self.folder.clone()), names(self.folder.join("deploy"))].concat() {
            assert!(!name.contains(".envlock-"), "{name}");
        }
        assert!(!self.folder.join(".envlock/transaction").exists());
        assert!(self.folder.join("config.yaml").is_symlink());
        let mode = fs_err::metadata(self.folder.join("config.yaml")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o640);
    }
}

fn old() -> [Option<String>; 3] {
    [Some("old".to_owned()), None, Some("old".to_owned())]
}
fn new() -> [Option<String>; 3] {
    ["new"; 3].map(|text| Some(text.to_owned()))
}

/// Does the first `count` steps, as a process that is killed then; false: there are no more steps.
fn killed_after(project: &Project, count: usize, half: bool) -> bool {
    let (changes, _lock) = (changes(), project.lock());
    let mut transaction = Transaction { folder: &project.folder, journal: None };
    let steps = transaction.steps(&changes).unwrap();
    for step in steps.iter().take(count) {
        transaction.run(step).unwrap();
    }
    if half {
        match steps.get(count) {
            Some(Step::Stage(entry, _)) => {
                fs_err::write(transaction.place(entry).unwrap().new, "n").unwrap();
            }
            Some(Step::KeepOld(entry, _)) => {
                fs_err::write(transaction.place(entry).unwrap().old, "o").unwrap();
            }
            Some(Step::Journal(_)) => {
                fs_err::create_dir_all(transaction.home()).unwrap();
                fs_err::write(transaction.home().join("journal.json.new"), "{").unwrap();
            }
            Some(Step::Finish) => {
                fs_err::rename(transaction.journal_path(), transaction.done_path()).unwrap();
            }
            _ => {}
        }
    }
    count < steps.len()
}

#[test]
fn a_kill_after_any_step_leaves_all_old_or_all_new_files() {
    for half in [false, true] {
        let (mut undone, mut finished) = (0, 0);
        for count in 0.. {
            let project = project();
            let more = killed_after(&project, count, half);
            let lock = project.lock();
            let recovered = lock.recover().unwrap();
            let contents = project.contents();
            match recovered {
                Some(Recovered::Finished(_)) => assert_eq!(contents, new(), "{count}"),
                Some(Recovered::Undone(_)) => assert_eq!(contents, old(), "{count}"),
                None => assert!(contents == old() || contents == new(), "{count}: {contents:?}"),
            }
            undone += usize::from(contents == old());
            finished += usize::from(contents == new());
            assert_eq!(lock.recover().unwrap(), None);
            // And the next one goes through whatever the crash left.
            if contents == old() {
                lock.commit(&changes()).unwrap();
            }
            assert_eq!(project.contents(), new());
            project_is_tidy_after_next_commit(&project, &lock);
            if !more {
                break;
            }
        }
        assert!(undone >= 7 && finished >= 4, "{undone} {finished}");
    }
}

fn project_is_tidy_after_next_commit(project: &Project, lock: &ProjectLock) {
    let again = FileChange {
        file: "env.lock".into(),
        before: Some(b"new".to_vec()),
        after: b"newer".to_vec(),
    };
    lock.commit(&[again]).unwrap();
    project.assert_tidy();
}

#[test]
fn a_file_someone_wrote_to_after_a_crash_keeps_their_bytes_and_the_rest_is_undone() {
    // Journal, 2 old files, 3 new files, journal: the renames start after step 7.
    for renamed in 0..3 {
        let project = project();
        killed_after(&project, 7 + renamed, false);
        fs_err::write(project.folder.join("env.lock"), "theirs").unwrap();
        let recovered = project.lock().recover().unwrap();
        assert!(matches!(recovered, Some(Recovered::Undone(_))), "{recovered:?}");
        assert_eq!(project.contents(), [Some("old".into()), None, Some("theirs".into())]);
        project.assert_tidy();
    }
}

#[test]
fn a_file_that_changed_since_it_was_read_is_refused() {
    let project = project();
    fs_err::write(project.folder.join("env.lock"), "theirs").unwrap();
    let error = project.lock().commit(&changes()).unwrap_err();
    assert!(matches!(error, Error::ChangedMeanwhile { ref path } if path == "env.lock"), "{error}");
    assert_eq!(project.contents()[0].as_deref(), Some("old"));
    let mut appeared = changes();
    appeared.truncate(2);
    fs_err::write(project.folder.join("env.releases.jsonl"), "theirs").unwrap();
    assert!(project.lock().commit(&appeared).is_err());
    project.assert_tidy();
}

#[test]
fn a_failing_rename_brings_the_files_before_it_back() {
    let project = project();
    let (changes, _lock) = (changes(), project.lock());
    let mut transaction = Transaction { folder: &project.folder, journal: None };
    let steps = transaction.steps(&changes).unwrap();
    let mut failed = false;
    for step in &steps {
        if let Step::Rename(entry) = step
            && entry.file == "env.lock"
        {
            fs_err::write(project.folder.join("env.lock"), "theirs").unwrap();
        }
        if transaction.run(step).is_err() {
            transaction.undo().unwrap();
            failed = true;
            break;
        }
    }
    assert!(failed);
    assert_eq!(project.contents(), [Some("old".into()), None, Some("theirs".into())]);
    project.assert_tidy();
}

#[test]
fn read_only_files_folders_and_dangling_links_are_refused_before_anything_is_written() {
    let project = project();
    let lock_file = project.folder.join("env.lock");
    fs_err::set_permissions(&lock_file, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert!(matches!(project.lock().commit(&changes()), Err(Error::ReadOnly { .. })));
    fs_err::remove_file(&lock_file).unwrap();
    symlink("nowhere/at-all", &lock_file).unwrap();
    let mut dangling = changes();
    dangling[2].before = None;
    assert!(matches!(project.lock().commit(&dangling), Err(Error::File { .. })));
    assert_eq!(project.contents(), [Some("old".into()), None, None]);
    project.assert_tidy();
}

#[test]
fn two_names_of_one_file_are_refused() {
    let project = project();
    let mut twice = changes();
    twice[2] = FileChange { file: "deploy/real.yaml".into(), ..twice[0].clone() };
    assert!(matches!(project.lock().commit(&twice), Err(Error::SameFile { .. })));
    assert_eq!(project.contents(), old());
    project.assert_tidy();
}

#[test]
fn a_project_that_moved_since_the_crash_is_made_whole_where_it_is() {
    for (steps, whole) in [(6, old()), (8, new())] {
        let mut project = project();
        killed_after(&project, steps, false);
        let moved = project.folder.with_file_name("moved");
        fs_err::rename(&project.folder, &moved).unwrap();
        project.folder = moved;
        assert!(project.lock().recover().unwrap().is_some());
        assert_eq!(project.contents(), whole);
        project.assert_tidy();
    }
}

#[test]
fn a_change_that_was_over_is_not_held_against_later_edits() {
    let project = project();
    let (changes, lock) = (changes(), project.lock());
    let mut transaction = Transaction { folder: &project.folder, journal: None };
    let steps = transaction.steps(&changes).unwrap();
    let (finish, before) = steps.split_last().unwrap();
    assert!(matches!(finish, Step::Finish));
    before.iter().for_each(|step| transaction.run(step).unwrap());
    // Killed while it clears up: the old bytes of one file are gone, those of another are there.
    fs_err::rename(transaction.journal_path(), transaction.done_path()).unwrap();
    fs_err::remove_file(project.folder.join("deploy/.real.yaml.envlock-old")).unwrap();
    fs_err::write(project.folder.join("env.lock"), "theirs").unwrap();
    assert!(is_interrupted(&project.folder));
    assert_eq!(lock.recover().unwrap(), None);
    assert_eq!(project.contents()[2].as_deref(), Some("theirs"));
    project.assert_tidy();
}

#[test]
fn nothing_to_change_writes_nothing() {
    let project = project();
    let same = FileChange {
        file: "env.lock".into(),
        before: Some(b"old".to_vec()),
        after: b"old".to_vec(),
    };
    let before = fs_err::metadata(project.folder.join("env.lock")).unwrap().ino();
    project.lock().commit(&[same]).unwrap();
    assert_eq!(fs_err::metadata(project.folder.join("env.lock")).unwrap().ino(), before);
}
