//! Blobs of a layout: one file for each digest, and an empty file in each repository that has it.

use std::fs::File;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use crate::index::{Index, Pointer};
use crate::layout::{make_folder, names, sync, write};
use crate::manifest::{Described, describe};
use crate::refusal::Refusal;
use crate::{Error, Layout, Repository};
use oci_digest::{Algorithm, Digest};

impl Layout {
    /// The size of a blob that a repository has.
    pub(crate) fn size(&self, repository: &Repository, digest: Digest) -> Option<u64> {
        let mark = self.marks(repository).join(digest.hex());
        let about = mark.is_file().then(|| self.blob(digest).metadata());
        about.and_then(Result::ok).map(|about| about.len())
    }

    /// The bytes of a manifest that the index names.
    pub(crate) fn manifest(&self, digest: Digest) -> Result<Vec<u8>, Error> {
        let path = self.blob(digest);
        fs_err::read(&path).map_err(Error::io("reading", path))
    }

    /// Moves a file, whose digest was computed while it was written, to its place, for this repository.
    pub(crate) fn take(
        &self,
        file: &File,
        path: &Utf8Path,
        repository: &Repository,
        digest: Digest,
    ) -> Result<(), Error> {
        file.sync_all().map_err(Error::io("syncing", path))?;
        let _held = self.lock(false)?;
        let place = self.place(digest)?;
        // This may replace a file with the same bytes, or one that a power cut truncated.
        fs_err::rename(path, &place).map_err(Error::io("storing", &place))?;
        sync(&self.blobs(digest.algorithm()))?;
        self.mark(repository, digest)
    }

    /// Gives a repository a blob that `from` (`None`: any repository) has; whether it was found.
    pub(crate) fn mount(
        &self,
        repository: &Repository,
        digest: Digest,
        from: Option<&Repository>,
    ) -> Result<bool, Error> {
        {
            let _held = self.lock(false)?;
            let there = match from {
                Some(from) => self.size(from, digest).is_some(),
                None => self.is_marked(digest)?,
            };
            if there {
                self.mark(repository, digest)?;
                return Ok(true);
            }
        }
        self.copy_from_attached(repository, digest, from)
    }

    /// Where to put a blob. The folder of its algorithm is made when it is missing.
    pub(crate) fn place(&self, digest: Digest) -> Result<Utf8PathBuf, Error> {
        make_folder(&self.blobs(digest.algorithm()))?;
        Ok(self.blob(digest))
    }

    pub(crate) fn mark(&self, repository: &Repository, digest: Digest) -> Result<(), Error> {
        let folder = self.marks(repository);
        make_folder(&folder)?;
        let path = folder.join(digest.hex());
        File::create(&path).map_err(Error::io("writing", &path))?;
        sync(&folder)
    }

    pub(crate) fn is_marked(&self, digest: Digest) -> Result<bool, Error> {
        Ok(self.repositories()?.iter().any(|repository| self.size(repository, digest).is_some()))
    }

    /// Every blob whose bytes are here.
    pub(crate) fn stored(&self) -> Result<Vec<Digest>, Error> {
        let mut stored = Vec::new();
        for algorithm in Algorithm::ALL {
            let names = names(&self.blobs(algorithm))?;
            let digests = names.iter().filter_map(|name| Digest::from_hex(name));
            stored.extend(digests.filter(|digest| digest.algorithm() == algorithm));
        }
        Ok(stored)
    }

    /// Stores a manifest's bytes. The caller holds the lock.
    pub(crate) fn store(&self, bytes: &[u8], digest: Digest) -> Result<(), Error> {
        write(&self.place(digest)?, bytes)
    }

    /// Removes a blob from a repository, and its bytes when no other repository has it. Refuses when a manifest of the
    /// repository needs it.
    pub(crate) fn unmark(&self, repository: &Repository, digest: Digest) -> Result<(), Refusal> {
        let _held = self.lock(true)?;
        if self.size(repository, digest).is_none() {
            return Err(Refusal::NoBlob(repository.clone(), digest.to_string()));
        }
        let index = self.index()?;
        for manifest in index.manifests(repository) {
            if self.described(manifest)?.blobs.contains(&digest) {
                let text = format!("the manifest {} needs it: delete that first", manifest.digest);
                return Err(Refusal::Unsupported(text));
            }
        }
        remove(&self.marks(repository).join(digest.hex()))?;
        self.forget(&index, digest)?;
        Ok(())
    }

    /// Removes the bytes of a deleted manifest, unless another repository has it.
    pub(crate) fn reclaim(&self, digest: Digest) -> Result<(), Error> {
        let _held = self.lock(true)?;
        self.forget(&self.index()?, digest).map(|_freed| ())
    }

    /// Removes the bytes of a digest that no repository and no entry of the index has; the number of bytes, when there
    /// were any. The caller holds the exclusive lock.
    pub(crate) fn forget(&self, index: &Index, digest: Digest) -> Result<Option<u64>, Error> {
        if index.holds(digest) || self.is_marked(digest)? {
            return Ok(None);
        }
        let path = self.blob(digest);
        let size = path.metadata().map_or(0, |about| about.len());
        Ok(remove(&path)?.then_some(size))
    }

    /// What a manifest of the index needs.
    pub(crate) fn described(&self, manifest: &Pointer) -> Result<Described, Error> {
        let bytes = self.manifest(manifest.digest)?;
        let path = self.blob(manifest.digest);
        describe(&bytes, Some(&manifest.media_type))
            .map_err(|cause| Error::Malformed { path, cause })
    }
}

/// Removes a file; whether it was there.
pub(crate) fn remove(path: &Utf8Path) -> Result<bool, Error> {
    match fs_err::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("removing", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{image, layout};

    #[test]
    fn a_blob_goes_when_nothing_needs_it_and_its_bytes_when_nobody_has_it() {
        let (_folder, layout, repository) = layout(&["layer"]);
        let (blob, other) = (Digest::of("layer"), "other".parse().unwrap());
        assert!(layout.mount(&other, blob, Some(&repository)).unwrap());
        assert!(matches!(layout.unmark(&repository, blob), Err(Refusal::Unsupported(_))));
        layout.unmark(&other, blob).unwrap();
        assert!(matches!(layout.unmark(&other, blob), Err(Refusal::NoBlob(..))));
        let image = Digest::of(image("layer", None));
        layout.change(|index| Ok(index.remove(&repository, image))).unwrap();
        layout.unmark(&repository, blob).unwrap();
        assert!(!layout.blob(blob).exists());
    }
}
