//! Removes unreachable content from a layout.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;
use oci_digest::Digest;

use crate::blob_store::remove;
use crate::index::{Entry, Index};
use crate::layout::{names, write};
use crate::{Error, Layout, Repository};

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

/// What stays.
#[derive(Debug, Default)]
struct Reachable {
    manifests: BTreeSet<(Repository, Digest)>,
    blobs: BTreeSet<(Repository, Digest)>,
}

impl Layout {
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
        let is_old = |path: &Utf8Path| {
            path.metadata().and_then(|about| about.modified()).is_ok_and(|time| time <= limit)
        };
        let _held = self.lock(true)?;
        let mut index = self.index()?;
        let reachable = self.reachable(&index, within, |entry| {
            let digest = entry.manifest.digest;
            entry.tag.is_some() || keep.contains(&digest) || !is_old(&self.blob(digest))
        })?;
        let mut freed = Freed::default();
        let entries = index.entries().iter().filter(|e| within(&e.repository));
        let all = entries.map(|e| (e.repository.clone(), e.manifest.digest));
        let gone: BTreeSet<_> = all.filter(|place| !reachable.manifests.contains(place)).collect();
        for (repository, digest) in gone {
            index.remove(&repository, digest);
            freed.manifests += 1;
        }
        // The index first: what it names is whole at every moment.
        write(&self.root().join("index.json"), index.to_text().as_bytes())?;
        for repository in self.repositories()?.iter().filter(|name| within(name)) {
            let folder = self.marks(repository);
            for name in names(&folder)? {
                let Some(digest) = Digest::from_hex(&name) else { continue };
                let mark = folder.join(&name);
                if !reachable.blobs.contains(&(repository.clone(), digest)) && is_old(&mark) {
                    remove(&mark)?;
                }
            }
        }
        // What the manifests of other tools need is not known.
        let stored = if index.has_foreign() { vec![] } else { self.stored()? };
        for digest in stored {
            if is_old(&self.blob(digest))
                && let Some(bytes) = self.forget(&index, digest)?
            {
                freed.blobs += 1;
                freed.bytes += bytes;
            }
        }
        Ok(freed)
    }

    /// Everything reachable from the root entries: what an index lists, what a manifest needs, and its referrers.
    fn reachable(
        &self,
        index: &Index,
        within: impl Fn(&Repository) -> bool,
        is_root: impl Fn(&Entry) -> bool,
    ) -> Result<Reachable, Error> {
        let mut found = Reachable::default();
        let entries = index.entries().iter().filter(|e| within(&e.repository) && is_root(e));
        let mut waiting: Vec<(&Repository, Digest)> =
            entries.map(|e| (&e.repository, e.manifest.digest)).collect();
        while let Some((repository, digest)) = waiting.pop() {
            let Some(manifest) = index.get(repository, digest) else { continue };
            if found.manifests.insert((repository.clone(), digest)) {
                let described = self.described(manifest)?;
                found.blobs.extend(described.blobs.into_iter().map(|b| (repository.clone(), b)));
                let referrers = index.manifests(repository).into_iter();
                let referrers = referrers.filter(|m| m.subject == Some(digest)).map(|m| m.digest);
                let next = described.manifests.into_iter().chain(referrers);
                waiting.extend(next.map(|digest| (repository, digest)));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{image, layout, put, tag};

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
}
