//! The store on disk: `sha256/ab/cdef…`, read-only files that are written atomically, and
//! `part/` for incomplete ones.

use std::fs::{File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use etcetera::BaseStrategy;

use super::{Error, Verified};
use crate::digest::{Hasher, Sha256};

/// The variable that sets the folder of the store.
const VARIABLE: &str = "ENVLOCK_STORE";

/// The folder of the index cache.
pub(super) const INDEX: &str = "index";

/// The modification time of stored files: 1980, the earliest in a zip. Files that are copied into an image must not have
/// the time of their download.
const MODIFIED: Duration = Duration::from_secs(315_532_800);

/// The folder of verified files. Cheap to clone; any number of processes may share one.
#[derive(Debug, Clone)]
pub struct Store {
    root: Utf8PathBuf,
}

impl Store {
    /// The store of this user: `ENVLOCK_STORE`, else `envlock` in the cache folder (XDG).
    ///
    /// # Errors
    /// Those of [`Store::at`]; [`Error::NoHome`].
    pub fn open() -> Result<Self, Error> {
        let root = match std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
            Some(path) => path.into(),
            None => etcetera::choose_base_strategy()
                .map_err(|_| Error::NoHome)?
                .cache_dir()
                .join("envlock"),
        };
        let root = Utf8PathBuf::from_path_buf(root).map_err(|_| Error::NoHome)?;
        Self::at(root)
    }

    /// A store in this folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn at(root: impl Into<Utf8PathBuf>) -> Result<Self, Error> {
        let root: Utf8PathBuf = root.into();
        // Absolute: hard links and build contexts must not depend on the working folder.
        let root = camino::absolute_utf8(&root).map_err(Error::io("finding", root))?;
        let store = Store { root };
        for folder in ["sha256", "part"] {
            make_folder(&store.root.join(folder))?;
        }
        Ok(store)
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The folder of the index cache.
    pub fn index(&self) -> Utf8PathBuf {
        self.root.join(INDEX)
    }

    /// The stored file with this hash, where there is one. It was hashed when it was stored; [`Store::verify`] does it again
    /// before use.
    pub fn get(&self, sha256: &Sha256) -> Option<Utf8PathBuf> {
        Some(self.place(sha256)).filter(|path| path.is_file())
    }

    /// Hashes a stored file again. Reads the whole file: not on an async thread.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Changed`], and the file is moved away, so that the next run downloads it; [`Error::Io`].
    pub fn verify(&self, sha256: &Sha256) -> Result<Verified, Error> {
        let path = self.get(sha256).ok_or(Error::Missing(*sha256))?;
        let (got, size) = hash_file(&path)?;
        if got == *sha256 {
            return Ok(Verified::new(path, got, size));
        }
        let folder = self.root.join("changed");
        make_folder(&folder)?;
        let moved = folder.join(sha256.to_string());
        fs_err::rename(&path, &moved).map_err(Error::io("moving away", &path))?;
        Err(Error::Changed { path, got, moved })
    }

    /// Stores these bytes of a small file; downloads go through [`Store::fetch`].
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Changed`].
    pub fn put(&self, bytes: &[u8]) -> Result<Verified, Error> {
        let sha256 = Sha256::of(bytes);
        let path = self.place(&sha256);
        if path.is_file() {
            return self.verify(&sha256);
        }
        make_folder(parent(&path))?;
        write_atomically(&path, bytes)?;
        seal(&path)?;
        Ok(Verified::new(path, sha256, bytes.len() as u64))
    }

    /// A path for a file that can be made again from stored files; `cache prune` removes it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn scratch(&self, name: &str) -> Result<Utf8PathBuf, Error> {
        let folder = self.root.join("scratch");
        make_folder(&folder)?;
        Ok(folder.join(name))
    }

    pub(super) fn part(&self, key: &Sha256) -> Utf8PathBuf {
        self.root.join("part").join(key.to_string())
    }

    /// Moves a file to its place, after it was hashed while it was written, and synced.
    pub(super) fn keep(
        &self,
        part: &Utf8Path,
        sha256: Sha256,
        size: u64,
    ) -> Result<Verified, Error> {
        let path = self.place(&sha256);
        let folder = parent(&path);
        make_folder(folder)?;
        seal(part)?;
        fs_err::rename(part, &path).map_err(Error::io("storing", &path))?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(Error::io("syncing", folder))?;
        Ok(Verified::new(path, sha256, size))
    }

    fn place(&self, sha256: &Sha256) -> Utf8PathBuf {
        let hex = sha256.to_string();
        self.root.join("sha256").join(&hex[..2]).join(&hex[2..])
    }
}

/// Makes the file read-only, without the time of its download.
fn seal(path: &Utf8Path) -> Result<(), Error> {
    let sealed = File::options().append(true).open(path).and_then(|file| {
        file.set_modified(SystemTime::UNIX_EPOCH + MODIFIED)?;
        file.set_permissions(Permissions::from_mode(0o444))
    });
    sealed.map_err(Error::io("sealing", path))
}

pub(super) fn write_atomically(path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
    let written = atomic_write_file::AtomicWriteFile::open(path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, bytes)?;
        file.commit()
    });
    written.map_err(Error::io("writing", path))
}

pub(super) fn make_folder(path: &Utf8Path) -> Result<(), Error> {
    fs_err::create_dir_all(path).map_err(Error::io("making the folder", path))
}

fn parent(path: &Utf8Path) -> &Utf8Path {
    path.parent().expect("every place in the store has a folder")
}

/// The hash and the number of bytes of a file.
fn hash_file(path: &Utf8Path) -> Result<(Sha256, u64), Error> {
    let mut hasher = Hasher::default();
    let size = File::open(path).and_then(|file| feed(file, &mut hasher));
    let size = size.map_err(Error::io("reading", path))?;
    Ok((Sha256::finish(&mut hasher), size))
}

/// Hashes all of `reader`; the number of bytes.
pub(crate) fn feed(
    mut reader: impl Read,
    hasher: &mut impl sha2::digest::Update,
) -> std::io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{Classified, Exit};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        (folder, store)
    }

    #[test]
    fn what_was_put_is_found_by_its_hash_and_nothing_else_is() {
        let (_folder, store) = store();
        let put = store.put(b"wheel").unwrap();
        assert_eq!((put.sha256(), put.size()), (Sha256::of("wheel"), 5));
        assert_eq!(store.verify(&Sha256::of("wheel")).unwrap(), put);
        assert_eq!(store.put(b"wheel").unwrap(), put);
        assert!(store.get(&Sha256::of("other")).is_none());
        assert!(matches!(store.verify(&Sha256::of("other")), Err(Error::Missing(_))));
        assert!(fs_err::metadata(put.path()).unwrap().permissions().readonly());
    }

    #[test]
    fn one_changed_byte_is_found_named_and_moved_away() {
        let (_folder, store) = store();
        let put = store.put(b"wheel").unwrap();
        fs_err::remove_file(put.path()).unwrap();
        fs_err::write(put.path(), b"wheeL").unwrap();
        let error = store.verify(&put.sha256()).unwrap_err();
        assert_eq!(error.exit(), Exit::Integrity);
        assert!(error.to_string().contains(put.path().as_str()), "{error}");
        assert!(store.get(&put.sha256()).is_none());
        let Error::Changed { moved, .. } = error else { panic!("{error:?}") };
        assert_eq!(fs_err::read(moved).unwrap(), b"wheeL");
    }
}
