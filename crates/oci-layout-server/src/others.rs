//! Layouts that are served beside one: those of projects, from before there was one for all that a user does. They are
//! read, never written; what a push needs of them is linked into this layout, or copied from another disk.

use std::fs::File;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use uuid::Uuid;

use crate::layout::{make_folder, sync, write};
use crate::{Error, Layout, Repository};
use oci_digest::Digest;

/// The folders of the others, the one that is asked first at the top.
const NOTES: &str = "others.json";

impl Layout {
    /// Serves what another layout has beside what this one has, and asks it before those that were noted earlier.
    /// Errors: the disk, [`Error::Malformed`].
    pub fn beside(&self, other: &Layout) -> Result<(), Error> {
        let real = |layout: &Layout| layout.root().canonicalize_utf8();
        let path = real(other).map_err(Error::io("finding", other.root()))?;
        let is_itself = real(self).is_ok_and(|own| own == path);
        if is_itself || self.noted()?.first() == Some(&path) {
            return Ok(());
        }
        let _held = self.lock(true)?;
        let mut noted = self.noted()?;
        noted.retain(|known| *known != path);
        noted.insert(0, path);
        let text = serde_json::to_string_pretty(&noted).expect("a list of paths is JSON");
        write(&self.root().join(NOTES), format!("{text}\n").as_bytes())
    }

    fn noted(&self) -> Result<Vec<Utf8PathBuf>, Error> {
        let path = self.root().join(NOTES);
        match fs_err::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| Error::Malformed { path, cause: error.to_string() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(Error::io("reading", path)(error)),
        }
    }

    /// The layouts beside this one that are there now: a disk may be elsewhere.
    pub(crate) fn others(&self) -> Result<Vec<Layout>, Error> {
        Ok(self
            .noted()?
            .into_iter()
            .filter_map(|path| Layout::existing(path).ok())
            .map(|other| other.annotated(self.namespace))
            .collect())
    }

    /// This layout and those beside it.
    pub(crate) fn all(&self) -> Result<Vec<Layout>, Error> {
        let others = self.others()?.into_iter();
        Ok(std::iter::once(self.clone()).chain(others).collect())
    }

    /// The first that this layout, or one beside it, has.
    pub(crate) fn find<T>(
        &self,
        look: impl Fn(&Layout) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        if let Some(found) = look(self)? {
            return Ok(Some(found));
        }
        for other in self.others()? {
            if let Some(found) = look(&other)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Gives a repository a blob that it, or `from`, or any repository has in a layout beside this one; whether one
    /// has it.
    pub(crate) fn adopt(
        &self,
        repository: &Repository,
        digest: Digest,
        from: Option<&Repository>,
    ) -> Result<bool, Error> {
        for other in self.others()? {
            let there = match from {
                Some(from) => other.size(from, digest).is_some(),
                None => other.is_marked(digest)?,
            };
            if there {
                self.bring(&other.blob(digest), repository, digest)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn bring(&self, from: &Utf8Path, repository: &Repository, digest: Digest) -> Result<(), Error> {
        let place = self.place(digest)?;
        {
            let _held = self.lock(false)?;
            match std::fs::hard_link(from, &place) {
                Ok(()) => {
                    sync(&self.blobs(digest.algorithm()))?;
                    return self.mark(repository, digest);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return self.mark(repository, digest);
                }
                // Another disk, or one without links.
                Err(_) => {}
            }
        }
        // Where a copy that is cut off is swept up like an upload.
        let folder = self.uploads(repository);
        make_folder(&folder)?;
        let path = folder.join(Uuid::new_v4().to_string());
        let mut source = File::open(from).map_err(Error::io("opening", from))?;
        let mut file = File::create_new(&path).map_err(Error::io("writing", &path))?;
        std::io::copy(&mut source, &mut file).map_err(Error::io("copying to", &path))?;
        self.take(&file, &path, repository, digest)
    }
}
