use super::*;

use std::os::unix::fs::symlink;

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
            assert!(!name.contains("envlock-new"), "{name}");
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
    let changes = changes();
    let mut transaction = Transaction { folder: &project.folder, journal: None };
    let steps = transaction.steps(&changes).unwrap();
    for step in steps.iter().take(count) {
        transaction.run(step).unwrap();
    }
    if half {
        match steps.get(count) {
            Some(Step::Stage(entry, _)) => fs_err::write(&entry.staged, "n").unwrap(),
            Some(Step::KeepOld(at, _)) => {
                fs_err::write(transaction.home().join(format!("{at}.old")), "o").unwrap();
            }
            Some(Step::Journal(_)) => {
                fs_err::create_dir_all(transaction.home()).unwrap();
                fs_err::write(transaction.home().join("journal.new"), "{").unwrap();
            }
            Some(Step::Finish) => {
                fs_err::remove_file(transaction.journal_path()).unwrap();
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
    let changes = changes();
    let mut transaction = Transaction { folder: &project.folder, journal: None };
    let steps = transaction.steps(&changes).unwrap();
    let mut failed = false;
    for step in &steps {
        if let Step::Rename(entry) = step
            && entry.file == "env.lock"
        {
            fs_err::write(&entry.target, "theirs").unwrap();
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

#[test]
fn a_second_envlock_waits_for_the_first() {
    let project = project();
    let first = project.lock();
    let folder = project.folder.clone();
    let (told, waits) = std::sync::mpsc::channel();
    let second = std::thread::spawn(move || {
        ProjectLock::acquire(&folder, || told.send(()).unwrap()).map(|_| ()).unwrap();
    });
    waits.recv().unwrap();
    assert!(!second.is_finished());
    drop(first);
    second.join().unwrap();
}

#[test]
fn a_second_build_says_that_it_waits_and_gets_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let first = hold_build(folder, || panic!("nobody else builds")).unwrap();
    let (says, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let second = scope.spawn(move || hold_build(folder, || says.send(()).unwrap()).unwrap());
        heard.recv().unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap();
    });
}
