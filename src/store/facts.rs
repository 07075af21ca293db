//! Facts about files, stored by their digest and computed once.

use std::error::Error as _;
use std::sync::Once;

use camino::Utf8PathBuf;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::folder::{make_folder, write_atomically};
use super::{Error, Store};
use crate::digest::Sha256;

/// That facts cannot be kept is said once.
static SAID: Once = Once::new();

impl Store {
    /// The fact of this kind about `key`. `None`: there is none that can be read, and it has to be computed again.
    pub fn recall<T: DeserializeOwned>(&self, kind: &str, key: &Sha256) -> Option<T> {
        let bytes = fs_err::read(self.fact(kind, key)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Stores a fact that never changes for the bytes with this hash. `kind` names the fact and the version of its form,
    /// such as `base-1`. `false`: it cannot be written, of which the first one is a warning, since it only has to be found
    /// out again.
    pub fn remember<T: Serialize>(&self, kind: &str, key: &Sha256, fact: &T) -> bool {
        let written = self.write_fact(kind, key, fact);
        if let Err(error) = &written {
            SAID.call_once(|| {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!("a result is not kept and will be computed again: {error}: {cause}");
            });
        }
        written.is_ok()
    }

    fn write_fact<T: Serialize>(&self, kind: &str, key: &Sha256, fact: &T) -> Result<(), Error> {
        let path = self.fact(kind, key);
        make_folder(&self.root().join("facts").join(kind))?;
        let text = serde_json::to_vec(fact).map_err(std::io::Error::other);
        write_atomically(&path, &text.map_err(Error::io("writing", &path))?)
    }

    fn fact(&self, kind: &str, key: &Sha256) -> Utf8PathBuf {
        self.root().join("facts").join(kind).join(format!("{key}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_by_kind_and_key_and_broken_ones_are_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let (store, key) = (Store::at(&root).unwrap(), Sha256::of("key"));
        assert!(store.remember("base-1", &key, &vec![1, 2]));
        assert_eq!(store.recall::<Vec<u8>>("base-1", &key), Some(vec![1, 2]));
        assert_eq!(store.recall::<Vec<u8>>("base-2", &key), None);
        fs_err::write(store.fact("base-1", &key), "{").unwrap();
        assert_eq!(store.recall::<Vec<u8>>("base-1", &key), None);
    }

    #[test]
    fn a_fact_that_cannot_be_written_is_said_not_to_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let (store, key) = (Store::at(&root).unwrap(), Sha256::of("key"));
        fs_err::write(root.join("facts"), "a file where the folder would be").unwrap();
        assert!(!store.remember("base-1", &key, &1));
        assert_eq!(store.recall::<u8>("base-1", &key), None);
    }
}
