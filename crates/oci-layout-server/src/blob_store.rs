//! Blobs of a layout: one file for each digest, and an empty file in each repository that has it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use crate::index::{Index, Pointer};
use crate::layout::{make_folder, names, sync, write};
use crate::manifest::{Described, describe};
use crate::refusal::Refusal;
use crate::{Error, Layout, Repository};
use oci_digest::{Algorithm, Digest};

/// What [`Layout::prune`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Manifests.
    pub manifests: u64,
    /// Files of bytes, those of manifests included.
    pub blobs: u64,
    /// Bytes of these files.
    pub bytes: u64,
}

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
    fn stored(&self) -> Result<Vec<Digest>, Error> {
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

    /// Removes what is unreachable from the repositories below `prefix` (`None`: from all): manifests without a tag that
    /// are not in `keep`, that no remaining index lists, and that are no referrer of a remaining manifest; blobs that no
    /// manifest of their repository needs; and bytes that no repository has. What is younger than `grace` stays: its
    /// manifest may still be on its way.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a manifest that cannot be read, before anything is removed; [`Error::Io`].
    pub fn prune(
        &self,
        prefix: Option<&str>,
        keep: &BTreeSet<Digest>,
        grace: Duration,
    ) -> Result<Freed, Error> {
        let within =
            |repository: &Repository| prefix.is_none_or(|prefix| repository.is_below(prefix));
        let limit = SystemTime::now().checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
        let old = |path: &Utf8Path| {
            path.metadata().and_then(|about| about.modified()).is_ok_and(|time| time <= limit)
        };
        let _held = self.lock(true)?;
        let mut index = self.index()?;
        let mut freed = Freed::default();
        let mut needed: BTreeSet<(Repository, Digest)> = BTreeSet::new();
        let mut gone: Vec<(Repository, Digest)> = Vec::new();
        for repository in index.repositories().into_iter().filter(|name| within(name)) {
            let mut live: BTreeSet<Digest> = BTreeSet::new();
            let root = |e: &&crate::index::Entry| {
                let digest = e.manifest.digest;
                e.tag.is_some() || keep.contains(&digest) || !old(&self.blob(digest))
            };
            let entries = index.entries().iter().filter(|e| e.repository == *repository);
            let mut waiting: Vec<Digest> =
                entries.filter(root).map(|e| e.manifest.digest).collect();
            while let Some(digest) = waiting.pop() {
                let Some(manifest) = index.get(repository, digest) else { continue };
                if live.insert(digest) {
                    let described = self.described(manifest)?;
                    waiting.extend(described.manifests);
                    needed.extend(described.blobs.into_iter().map(|b| (repository.clone(), b)));
                    let referrers = index.manifests(repository).into_iter();
                    let about = referrers.filter(|m| m.subject == Some(digest));
                    waiting.extend(about.map(|m| m.digest));
                }
            }
            let all = index.manifests(repository).into_iter().map(|m| m.digest);
            gone.extend(all.filter(|d| !live.contains(d)).map(|d| (repository.clone(), d)));
        }
        for (repository, digest) in &gone {
            index.remove(repository, *digest);
            freed.manifests += 1;
        }
        // The index first: what it names is whole at every moment.
        write(&self.root().join("index.json"), index.to_text().as_bytes())?;
        for repository in self.repositories()?.iter().filter(|name| within(name)) {
            let folder = self.marks(repository);
            for name in names(&folder)? {
                let Some(digest) = Digest::from_hex(&name) else { continue };
                let mark = folder.join(&name);
                if !needed.contains(&(repository.clone(), digest)) && old(&mark) {
                    remove(&mark)?;
                }
            }
        }
        // What the manifests of other tools need is not known.
        let stored = if index.has_foreign() { vec![] } else { self.stored()? };
        for digest in stored {
            if old(&self.blob(digest))
                && let Some(bytes) = self.forget(&index, digest)?
            {
                freed.blobs += 1;
                freed.bytes += bytes;
            }
        }
        Ok(freed)
    }
}

/// Removes a file; whether it was there.
fn remove(path: &Utf8Path) -> Result<bool, Error> {
    match fs_err::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("removing", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tag;

    /// A layout in which `team/app` has an image of one blob for each name, without a tag.
    fn layout(names: &[&str]) -> (tempfile::TempDir, Layout, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        let repository: Repository = "team/app".parse().unwrap();
        for name in names {
            put(&layout, &repository, name, None);
        }
        (folder, layout, repository)
    }

    fn image(name: &str, subject: Option<Digest>) -> String {
        let to =
            |digest: Digest| serde_json::json!({"mediaType": "x/y", "digest": digest, "size": 1});
        let (config, subject) = (to(Digest::of(name)), subject.map(to));
        serde_json::json!({"schemaVersion": 2, "config": config, "layers": [], "subject": subject})
            .to_string()
    }

    fn put(layout: &Layout, repository: &Repository, name: &str, subject: Option<Digest>) {
        let path = layout.root().join("incoming");
        fs_err::write(&path, name).unwrap();
        layout.take(&File::open(&path).unwrap(), &path, repository, Digest::of(name)).unwrap();
        let text = image(name, subject);
        let pointer = Pointer {
            media_type: crate::media_type::MANIFEST.to_owned(),
            digest: Digest::of(&text),
            size: text.len() as u64,
            subject,
        };
        layout.store(text.as_bytes(), pointer.digest).unwrap();
        let add = |index: &mut Index| {
            index.put(repository, &pointer, &[]);
            Ok(())
        };
        layout.change(add).unwrap();
    }

    fn tag(layout: &Layout, repository: &Repository, name: &str) {
        let tag: Tag = "v1".parse().unwrap();
        let put = |index: &mut Index| {
            let found = index.get(repository, Digest::of(image(name, None))).unwrap().clone();
            index.put(repository, &found, &[tag]);
            Ok(())
        };
        layout.change(put).unwrap();
    }

    #[test]
    fn pruning_leaves_what_is_tagged_kept_or_about_it_and_what_just_came() {
        let (_folder, layout, repository) = layout(&["tagged", "kept", "old"]);
        tag(&layout, &repository, "tagged");
        let kept = Digest::of(image("kept", None));
        put(&layout, &repository, "sbom", Some(kept));
        put(&layout, &repository, "sbom of old", Some(Digest::of(image("old", None))));
        let keep = BTreeSet::from([kept]);
        assert_eq!(layout.prune(None, &keep, Duration::from_secs(3600)).unwrap(), Freed::default());
        let freed = layout.prune(None, &keep, Duration::ZERO).unwrap();
        assert_eq!((freed.manifests, freed.blobs), (2, 4));
        for (name, there) in [
            ("tagged", true),
            ("kept", true),
            ("sbom", true),
            ("old", false),
            ("sbom of old", false),
        ] {
            assert_eq!(layout.size(&repository, Digest::of(name)).is_some(), there, "{name}");
        }
        assert_eq!(layout.prune(None, &keep, Duration::ZERO).unwrap(), Freed::default());
    }

    #[test]
    fn pruning_below_a_prefix_leaves_what_others_have() {
        let (_folder, layout, team) = layout(&["old"]);
        let other: Repository = "teams/app".parse().unwrap();
        put(&layout, &other, "theirs", None);
        layout.mount(&other, Digest::of("old"), Some(&team)).unwrap();
        let freed = layout.prune(Some("team"), &BTreeSet::new(), Duration::ZERO).unwrap();
        assert_eq!((freed.manifests, freed.blobs), (1, 1));
        assert!(layout.index().unwrap().manifests(&team).is_empty());
        assert_eq!(layout.index().unwrap().manifests(&other).len(), 1);
        for name in ["old", "theirs"] {
            assert!(layout.size(&other, Digest::of(name)).is_some(), "{name}");
        }
        assert!(layout.size(&team, Digest::of("old")).is_none());
    }

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
