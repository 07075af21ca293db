//! Writes a release: config.yaml, env.releases.jsonl and the files that change with them, in one transaction.

use std::collections::BTreeMap;

use camino::Utf8Path;
use jiff::Timestamp;

use super::disk::Sync;
use super::model::FILE_NAME;
use super::{
    Draft, Error, FORMAT, FileChange, GitFacts, History, Kind, Plan, Prepared, ProjectLock,
    Published, Record, disk, kept_locks, prepare,
};
use crate::config::{self, Files};
use crate::digest::Sha256;
use crate::reference::PinnedReference;
use crate::spec::{ConfigSpec, ImageName};

/// The result of a build, to be released.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Which files run the images, and where in them; `None`: the release is recorded without one.
    pub config: Option<&'a ConfigSpec>,
    /// These files as [`config_files`] read them, once: decisions and edits are based on these bytes.
    pub files: &'a Files,
    /// The images that were pushed and read back.
    pub images: &'a BTreeMap<ImageName, PinnedReference>,
    /// env.lock, byte for byte as it was built from.
    pub lock_text: &'a str,
    /// The lock's file, where the build added to it: it changes with the others.
    pub lock_file: Option<&'a Utf8Path>,
    /// The engine's name.
    pub engine: &'a str,
}

/// The diff that [`publish`] would make.
///
/// # Errors
/// Those of `publish` that depend on the files' texts alone.
pub fn preview(publication: &Publication<'_>) -> Result<String, Error> {
    Ok(prepared(publication)?.diff)
}

/// Does and undoes everything that [`publish`] does before files get their new content, so that a refusal is found
/// before the build takes minutes. Returns the diff that it would make.
///
/// # Errors
/// Those of `publish`.
pub fn rehearse(folder: &Utf8Path, publication: &Publication<'_>) -> Result<String, Error> {
    let draft = compose(folder, publication)?;
    draft.rehearse(folder, publication.lock_text.len(), Sync::Now)?;
    Ok(draft.diff)
}

/// Points config.yaml and the other files at the images, switches off the builds beside them, and records the
/// release: all files or none. An image of an earlier release that is not among these keeps its place in
/// the record.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn publish(project: &ProjectLock, publication: &Publication<'_>) -> Result<Published, Error> {
    draft(project, publication)?.write(project)
}

/// What [`publish`] would write, decided under the same lock.
///
/// # Errors
/// Those of `publish` that come before writing.
pub fn draft(project: &ProjectLock, publication: &Publication<'_>) -> Result<Draft, Error> {
    let folder = project.folder();
    let draft = compose(folder, publication)?;
    if draft.record.is_some() {
        kept_locks::keep(folder, publication.lock_text)?;
        draft.rehearse(folder, 0, Sync::Later)?;
    }
    Ok(draft)
}

fn compose(folder: &Utf8Path, publication: &Publication<'_>) -> Result<Draft, Error> {
    let (before, history) = read_history(folder)?;
    let now = config_files(folder, publication.config)?;
    // Also files that would not change: that was decided from their content.
    let known = now.keys().chain(publication.files.keys());
    if let Some(path) = known.into_iter().find(|f| now.get(*f) != publication.files.get(*f)) {
        return Err(Error::ChangedMeanwhile { path: path.clone() });
    }
    let mut prepared = prepared(publication)?;
    let current = history.current()?;
    let mut images = current.images;
    images.extend(publication.images.iter().map(|(name, image)| (name.clone(), image.clone())));
    if prepared.edits.is_empty() && history.current()?.images == images {
        return Ok(unchanged(before, history, prepared));
    }
    if let Some(file) = publication.lock_file {
        let (before, after) = (disk::read(&folder.join(file))?, publication.lock_text.as_bytes());
        if before.as_deref() != Some(after) {
            let (file, after) = (file.to_owned(), after.to_vec());
            prepared.changes.push(FileChange { file, before, after });
        }
    }
    let (sha256, engine) = (Sha256::of(publication.lock_text), publication.engine.to_owned());
    let record =
        record(folder, &history, Kind::Build, &prepared, images, Some(sha256), Some(engine));
    let Prepared { changes, diff, .. } = prepared;
    Ok(Draft { record: Some(record), before, history, changes, diff })
}

/// The diff that [`roll_back`] would make, env.lock left out.
pub fn preview_rollback(plan: &Plan) -> Result<String, Error> {
    Ok(prepare(&plan.files, &plan.edits, config::edit)?.diff)
}

/// Carries out a rollback that was decided on under the same lock, with `lock_bytes` as the new
/// env.lock when given.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn roll_back(
    project: &ProjectLock,
    plan: &Plan,
    lock_bytes: Option<Vec<u8>>,
) -> Result<Published, Error> {
    draft_rollback(project, plan, lock_bytes)?.write(project)
}

/// What [`roll_back`] would write, decided under the same lock.
pub fn draft_rollback(
    project: &ProjectLock,
    plan: &Plan,
    lock_bytes: Option<Vec<u8>>,
) -> Result<Draft, Error> {
    let folder = project.folder();
    let (before, history) = read_history(folder)?;
    let mut prepared = prepare(&plan.files, &plan.edits, config::edit)?;
    if let Some(after) = lock_bytes {
        let file = kept_locks::file_of(&after);
        let before = disk::read(&folder.join(&file))?;
        if before.as_deref() != Some(&*after) {
            prepared.changes.push(FileChange { file, before, after });
        }
    }
    let same = history.current()?.release == plan.target.release;
    if prepared.changes.is_empty() && same {
        return Ok(unchanged(before, history, prepared));
    }
    let target = &plan.target;
    let kind = Kind::Rollback { to: target.release };
    let (images, engine) = (target.images.clone(), target.engine.clone());
    let record = record(folder, &history, kind, &prepared, images, target.lock, engine);
    let Prepared { changes, diff, .. } = prepared;
    let draft = Draft { record: Some(record), before, history, changes, diff };
    draft.rehearse(folder, 0, Sync::Later)?;
    Ok(draft)
}

/// The history's bytes, if there is such a file, and what they say.
pub fn read_history(folder: &Utf8Path) -> Result<(Option<Vec<u8>>, History), Error> {
    let bytes = disk::read(&folder.join(FILE_NAME))?;
    let history = History::parse(bytes.as_deref().unwrap_or_default())?;
    Ok((bytes, history))
}

fn prepared(publication: &Publication<'_>) -> Result<Prepared, Error> {
    let Publication { config: Some(config), files, images, .. } = publication else {
        return Ok(Prepared::default());
    };
    Ok(prepare(files, &config::plan(files, config, images)?, config::edit_reversibly)?)
}

/// Reads the files that name images; none with --no-config. config.yaml may be missing where other files are named.
///
/// # Errors
/// [`Error::NoConfig`] for any other that is missing.
pub fn config_files<'s>(
    folder: &Utf8Path,
    spec: impl Into<Option<&'s ConfigSpec>>,
) -> Result<Files, Error> {
    let Some(spec) = spec.into() else { return Ok(Files::new()) };
    let is_optional = spec.roles.is_empty() && !spec.targets.is_empty();
    let mut files = Files::new();
    for file in spec.files() {
        if file == spec.path && is_optional && !folder.join(file).exists() {
            continue;
        }
        let bytes = read_config(folder, file).map_err(|error| match error.is_absence() {
            true => Error::NoConfig { path: file.to_owned() },
            false => error,
        })?;
        files.insert(file.to_owned(), bytes);
    }
    Ok(files)
}

fn record(
    folder: &Utf8Path,
    history: &History,
    kind: Kind,
    prepared: &Prepared,
    images: BTreeMap<ImageName, PinnedReference>,
    lock: Option<Sha256>,
    engine: Option<String>,
) -> Record {
    let GitFacts { commit, by } = GitFacts::of(folder);
    // Whole seconds, so that the line stays readable.
    let time = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    Record {
        v: FORMAT,
        number: history.next_number(),
        time,
        kind,
        lock,
        engine,
        images,
        edits: prepared.edits.clone(),
        not_kept: Default::default(),
        commit,
        by,
        envlock: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn unchanged(before: Option<Vec<u8>>, history: History, prepared: Prepared) -> Draft {
    Draft { record: None, before, history, changes: vec![], diff: prepared.diff }
}

/// A file that roles are in.
///
/// # Errors
/// [`Error::File`] also when it does not exist.
pub fn read_config(folder: &Utf8Path, file: &Utf8Path) -> Result<Vec<u8>, Error> {
    let path = folder.join(file);
    fs_err::read(&path).map_err(Error::file(&path, "read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    const CONFIG: &str = include_str!("../../config.yaml");

    struct Project(tempfile::TempDir);

    impl Project {
        fn new() -> Self {
            let project = Project(tempfile::TempDir::new().unwrap());
            fs_err::write(project.folder().join("config.yaml"), CONFIG).unwrap();
            project
        }
        fn folder(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }
        fn config(&self) -> String {
            fs_err::read_to_string(self.folder().join("config.yaml")).unwrap()
        }
        fn publish(&self, seed: &str) -> Result<Published, Error> {
            let lock = ProjectLock::acquire(self.folder(), || {})?;
            let spec =
                ConfigSpec { path: "config.yaml".into(), roles: BTreeMap::new(), targets: vec![] };
            let images = ["ray-runtime", "marimo-runtime"].map(|name| {
                let digest = Digest::of(format!("{name} {seed}"));
                (name.parse().unwrap(), PinnedReference::new("127.0.0.1:1", name, digest))
            });
            let images = BTreeMap::from(images);
            let lock_text = format!("lock {seed}");
            let files = config_files(self.folder(), &spec)?;
            let publication = Publication {
                files: &files,
                lock_file: None,
                config: Some(&spec),
                images: &images,
                lock_text: &lock_text,
                engine: "dockerfile",
            };
            publish(&lock, &publication)
        }
        fn back(&self, to: Option<u64>) -> Published {
            let lock = ProjectLock::acquire(self.folder(), || {}).unwrap();
            let (_, history) = read_history(self.folder()).unwrap();
            let read = |file: &Utf8Path| read_config(self.folder(), file);
            let plan = super::super::decide(&history, to, read).unwrap();
            assert_eq!(plan.conflicts, []);
            roll_back(&lock, &plan, None).unwrap()
        }
    }

    #[test]
    fn a_release_changes_six_lines_and_every_rollback_is_byte_exact() {
        let project = Project::new();
        let first = project.publish("one").unwrap();
        let changed = first.diff.lines().filter(|l| l.starts_with('+') && !l.starts_with("+++"));
        assert_eq!(changed.count(), 6, "{}", first.diff);
        let one = project.config();
        let second = project.publish("two").unwrap().record.unwrap();
        assert_eq!((second.number, second.edits.len()), (2, 3));
        assert_eq!(project.back(None).record.unwrap().kind, Kind::Rollback { to: 1 });
        assert_eq!(project.config(), one);
        assert_eq!(project.back(None).record.unwrap().kind, Kind::Rollback { to: 0 });
        assert_eq!(project.config(), CONFIG);
        assert_eq!(project.back(Some(2)).record.unwrap().images, second.images);
    }

    #[test]
    fn the_same_images_again_write_nothing() {
        let project = Project::new();
        project.publish("one").unwrap();
        let history = fs_err::read(project.folder().join(FILE_NAME)).unwrap();
        let again = project.publish("one").unwrap();
        assert_eq!(again, Published { record: None, diff: String::new() });
        assert_eq!(fs_err::read(project.folder().join(FILE_NAME)).unwrap(), history);
        assert_eq!(project.back(Some(1)).record, None);
    }

    #[test]
    fn a_released_lock_is_found_again_by_its_hash() {
        let project = Project::new();
        let sha256 = project.publish("one").unwrap().record.unwrap().lock.unwrap();
        assert_eq!(kept_locks::find(project.folder(), sha256).unwrap(), b"lock one");
        let lost = kept_locks::find(project.folder(), Sha256::of("other"));
        assert!(matches!(lost, Err(Error::LockLost { .. })));
    }

    #[test]
    fn a_torn_history_or_a_refused_edit_leaves_config_as_it_was() {
        let project = Project::new();
        fs_err::write(project.folder().join(FILE_NAME), "{\"v\":1,\"num").unwrap();
        assert!(matches!(project.publish("one"), Err(Error::TornLine { .. })));
        assert_eq!(project.config(), CONFIG);
        fs_err::remove_file(project.folder().join(FILE_NAME)).unwrap();
        fs_err::write(project.folder().join("config.yaml"), "services: [").unwrap();
        assert!(matches!(project.publish("one"), Err(Error::Config(_))));
        assert!(!project.folder().join(FILE_NAME).exists());
    }
}
