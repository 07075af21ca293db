//! Attached layouts: served together with one, and never written. What a push needs of them is linked into the layout
//! that is written, or copied from another disk.

use std::fs::File;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use uuid::Uuid;

use crate::layout::{make_folder, sync, write};
use crate::{Error, Layout, Repository};
use oci_digest::Digest;

/// The folders of the attached layouts, in the order in which they are searched.
const ATTACHED_FILE: &str = "others.json";

impl Layout {
    /// Attaches another layout: a server of this one also serves the content of that one, and searches it before those that
    /// were attached earlier. This is stored in the layout; attaching the same folder again changes only the order.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the list of attached layouts cannot be read, [`Error::Io`].
    pub fn attach(&self, other: &Layout) -> Result<(), Error> {
        let real = |layout: &Layout| layout.root().canonicalize_utf8();
        let path = real(other).map_err(Error::io("finding", other.root()))?;
        let is_itself = real(self).is_ok_and(|own| own == path);
        if is_itself || self.recorded()?.first() == Some(&path) {
            return Ok(());
        }
        let _held = self.lock(true)?;
        let mut recorded = self.recorded()?;
        recorded.retain(|known| *known != path);
        recorded.insert(0, path);
        let text = serde_json::to_string_pretty(&recorded).expect("a list of paths is JSON");
        write(&self.root().join(ATTACHED_FILE), format!("{text}\n").as_bytes())
    }

    fn recorded(&self) -> Result<Vec<Utf8PathBuf>, Error> {
        let path = self.root().join(ATTACHED_FILE);
        match fs_err::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| Error::Malformed { path, cause: error.to_string() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(Error::io("reading", path)(error)),
        }
    }

    /// The attached layouts that exist now: a disk may be unmounted.
    pub(crate) fn attached(&self) -> Result<Vec<Layout>, Error> {
        Ok(self
            .recorded()?
            .into_iter()
            .filter_map(|path| Layout::existing(path).ok())
            .map(|other| other.annotated(self.namespace))
            .collect())
    }

    /// This layout and the attached ones.
    pub(crate) fn all(&self) -> Result<Vec<Layout>, Error> {
        let others = self.attached()?.into_iter();
        Ok(std::iter::once(self.clone()).chain(others).collect())
    }

    /// The first result in this layout, or an attached one.
    pub(crate) fn find<T>(
        &self,
        look: impl Fn(&Layout) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        if let Some(found) = look(self)? {
            return Ok(Some(found));
        }
        for other in self.attached()? {
            if let Some(found) = look(&other)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Gives a repository a blob that `from` (`None`: any repository) has in an attached layout; whether one has it.
    pub(crate) fn copy_from_attached(
        &self,
        repository: &Repository,
        digest: Digest,
        from: Option<&Repository>,
    ) -> Result<bool, Error> {
        for other in self.attached()? {
            let there = match from {
                Some(from) => other.size(from, digest).is_some(),
                None => other.is_marked(digest)?,
            };
            if there {
                self.import_blob(&other.blob(digest), repository, digest)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn import_blob(
        &self,
        from: &Utf8Path,
        repository: &Repository,
        digest: Digest,
    ) -> Result<(), Error> {
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
        // An interrupted copy here is removed like an abandoned upload.
        let folder = self.uploads(repository);
        make_folder(&folder)?;
        let path = folder.join(Uuid::new_v4().to_string());
        let mut source = File::open(from).map_err(Error::io("opening", from))?;
        let mut file = File::create_new(&path).map_err(Error::io("writing", &path))?;
        std::io::copy(&mut source, &mut file).map_err(Error::io("copying to", &path))?;
        self.take(&file, &path, repository, digest)
    }
}
