//! An OCI image layout as a registry keeps it:
//!
//! ```text
//! oci-layout                          says what the folder is
//! index.json                          manifests and tags of every repository
//! blobs/ALGORITHM/HEX                 bytes: layers, configs, manifests; sha256 or sha512
//! repositories/NAME/_blobs/HEX        empty: the repository NAME has this blob
//! repositories/NAME/_uploads/UUID     bytes received of an unfinished upload
//! others.json                         attached layouts: served too, never written
//! lock                                held for each change
//! ```
//!
//! Files appear whole, by a rename, after they were synced. Blobs come under a shared lock; index.json changes, and
//! files go, under an exclusive one. Reading takes no lock. A component of a name never begins with `_`.

use std::fs::File;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use crate::index::Index;
use crate::refusal::Refusal;
use crate::{Error, Repository};
use oci_digest::{Algorithm, Digest, Sha256};

/// The prefix of annotations.
const NAMESPACE: &str = "oci-layout-server";

const MARKER: &str = "oci-layout";
const MARKER_TEXT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

/// A layout on disk. Cheap to clone; any number of processes may share one.
#[derive(Debug, Clone)]
pub struct Layout {
    root: Utf8PathBuf,
    pub(crate) namespace: &'static str,
}

impl Layout {
    /// The layout in this folder, which is made when it is missing or empty.
    ///
    /// # Errors
    /// [`Error::NotALayout`] for a folder with other files, [`Error::Malformed`] for another version of layouts,
    /// [`Error::Io`].
    pub fn open(folder: impl Into<Utf8PathBuf>) -> Result<Self, Error> {
        let layout = Self::at(folder.into())?;
        let root = layout.root();
        if !root.join(MARKER).is_file() {
            make_folder(root)?;
            let mut there = root.read_dir_utf8().map_err(Error::io("reading the folder", root))?;
            // Another process may be making the same layout now.
            let ours = [
                MARKER,
                ".gitignore",
                "lock",
                "blobs",
                "repositories",
                "index.json",
                "others.json",
            ];
            let is_of = |own: &str, name: &str| {
                // As it is, or while it is written.
                name == own || name.strip_prefix('.').is_some_and(|rest| rest.starts_with(own))
            };
            let is_ours = |name: &str| ours.iter().any(|own| is_of(own, name));
            if there.any(|entry| entry.is_ok_and(|e| !is_ours(e.file_name()))) {
                return Err(Error::NotALayout(root.to_owned()));
            }
            let _held = layout.lock(true)?;
            make_folder(&root.join("blobs/sha256"))?;
            make_folder(&root.join("repositories"))?;
            // The folder may be in a checkout; gigabytes do not belong in a commit.
            write(&root.join(".gitignore"), b"*\n")?;
            if !root.join("index.json").is_file() {
                write(&root.join("index.json"), Index::new(layout.namespace).to_text().as_bytes())?;
            }
            write(&root.join(MARKER), MARKER_TEXT.as_bytes())?;
        }
        layout.known()
    }

    /// The layout in this folder; nothing is written.
    ///
    /// # Errors
    /// [`Error::Absent`] where there is none, [`Error::Malformed`] for another version of layouts, [`Error::Io`].
    pub fn existing(folder: impl Into<Utf8PathBuf>) -> Result<Self, Error> {
        let layout = Self::at(folder.into())?;
        if !layout.root.join(MARKER).is_file() {
            return Err(Error::Absent(layout.root));
        }
        layout.known()
    }

    fn at(folder: Utf8PathBuf) -> Result<Self, Error> {
        let root = camino::absolute_utf8(&folder).map_err(Error::io("finding", folder))?;
        Ok(Layout { root, namespace: NAMESPACE })
    }

    /// The same with other keys for annotations in `index.json`: `NAMESPACE.repository` and
    /// `NAMESPACE.subject`, in place of `oci-layout-server`. The image spec requires a reversed domain name there. A layout
    /// is always to be opened with the namespace that it was filled with.
    pub fn annotated(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    /// Only the version that is understood here.
    fn known(self) -> Result<Self, Error> {
        let path = self.root.join(MARKER);
        let text = fs_err::read(&path).map_err(Error::io("reading", &path))?;
        let marker: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        if marker["imageLayoutVersion"] != "1.0.0" {
            let cause = "its imageLayoutVersion is not 1.0.0".to_owned();
            return Err(Error::Malformed { path, cause });
        }
        Ok(self)
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// An id that distinguishes this layout from others on this machine. A server that sends it in a header lets a client that finds
    /// a port taken learn whether its own layout is behind it.
    pub fn id(&self) -> Sha256 {
        let real = self.root.canonicalize_utf8().unwrap_or_else(|_| self.root.clone());
        Sha256::of(real.as_str())
    }

    /// Which manifests there are.
    pub(crate) fn index(&self) -> Result<Index, Error> {
        let path = self.root.join("index.json");
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Index::new(self.namespace));
            }
            Err(error) => return Err(Error::io("reading", &path)(error)),
        };
        Index::parse(&text, self.namespace).map_err(|cause| Error::Malformed { path, cause })
    }

    /// Changes the index under the exclusive lock. Nothing is written when `edit` fails, or changes nothing.
    pub(crate) fn change<T>(
        &self,
        edit: impl FnOnce(&mut Index) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let _held = self.lock(true)?;
        let before = self.index()?;
        let mut index = before.clone();
        let result = edit(&mut index)?;
        if index != before {
            write(&self.root.join("index.json"), index.to_text().as_bytes())?;
        }
        Ok(result)
    }

    /// The lock of the layout, until the file is dropped.
    pub(crate) fn lock(&self, exclusive: bool) -> Result<File, Error> {
        let path = self.root.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::io("opening", &path))?;
        let locked = if exclusive { file.lock() } else { file.lock_shared() };
        locked.map_err(Error::io("locking", &path))?;
        Ok(file)
    }

    /// Where the bytes of a blob are, or would be.
    pub(crate) fn blob(&self, digest: Digest) -> Utf8PathBuf {
        self.blobs(digest.algorithm()).join(digest.hex())
    }

    /// The folder of the blobs with such digests.
    pub(crate) fn blobs(&self, algorithm: Algorithm) -> Utf8PathBuf {
        self.root.join("blobs").join(algorithm.name())
    }

    /// The folder with the blobs of a repository.
    pub(crate) fn marks(&self, repository: &Repository) -> Utf8PathBuf {
        self.root.join("repositories").join(repository.to_string()).join("_blobs")
    }

    /// The folder of a repository's unfinished uploads.
    pub(crate) fn uploads(&self, repository: &Repository) -> Utf8PathBuf {
        self.root.join("repositories").join(repository.to_string()).join("_uploads")
    }

    /// Whether a repository `PREFIX/…` was ever pushed to.
    pub fn has_below(&self, prefix: &str) -> bool {
        self.root.join("repositories").join(prefix).is_dir()
    }

    /// Every repository that was ever pushed to.
    pub(crate) fn repositories(&self) -> Result<Vec<Repository>, Error> {
        let root = self.root.join("repositories");
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for name in names(&folder)? {
                if !name.starts_with('_') {
                    folders.push(folder.join(name));
                }
            }
            // A folder that is no repository holds the next components of names.
            let name = folder.strip_prefix(&root).map(Utf8Path::as_str).unwrap_or_default();
            found.extend(name.parse::<Repository>());
        }
        Ok(found)
    }
}

/// The names in a folder; none where there is no folder.
pub(crate) fn names(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(Error::io("reading the folder", folder)(error)),
    };
    let names = entries.map(|entry| entry.map(|e| e.file_name().to_owned()));
    names.collect::<Result<_, _>>().map_err(Error::io("reading the folder", folder))
}

/// Makes a folder and its ancestors, durably.
pub(crate) fn make_folder(path: &Utf8Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) {
        make_folder(parent)?;
        match fs_err::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(Error::io("making the folder", path))?,
        }
        sync(parent)?;
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Utf8Path) -> Result<(), Error> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Error::io("syncing", folder))
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    let written = atomic_write_file::AtomicWriteFile::open(path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.commit()
    });
    written.map_err(Error::io("writing", path))?;
    path.parent().map_or(Ok(()), sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_not_taken_for_a_layout() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        assert!(matches!(Layout::existing(path), Err(Error::Absent(_))));
        fs_err::write(path.join("thesis.tex"), "").unwrap();
        assert!(matches!(Layout::open(path), Err(Error::NotALayout(_))));
        let layout = Layout::open(path.join("new/registry")).unwrap();
        assert_eq!(Layout::existing(layout.root()).unwrap().id(), layout.id());
        fs_err::write(layout.root().join(MARKER), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
        assert!(matches!(Layout::open(layout.root()), Err(Error::Malformed { .. })));
    }

    #[test]
    fn several_who_make_the_same_layout_at_once_all_have_it() {
        for _ in 0..30 {
            let folder = tempfile::tempdir().unwrap();
            let path = Utf8Path::from_path(folder.path()).unwrap().join("registry");
            let open = || Layout::open(&path).unwrap();
            std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(open))));
        }
    }

    #[test]
    fn a_layout_whose_making_was_cut_off_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        Layout::open(path).unwrap();
        fs_err::remove_file(path.join(MARKER)).unwrap();
        fs_err::remove_dir(path.join("repositories")).unwrap();
        assert!(Layout::open(path).unwrap().repositories().unwrap().is_empty());
    }
}
