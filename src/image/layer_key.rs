//! What determines the bytes of a layer of wheels besides the wheels, and the key that is made of both. The same key
//! means the same bytes, on every machine: so a layer's digest is known before its wheels are read.

use crate::digest::{Hasher, Sha256};
use crate::lock::Lock;
use crate::spec::{BuildSpec, Bytecode, Compression, PythonSource};

/// The rules by which wheels become layers. A new number when any of them changes a byte: install semantics, tar and
/// gzip forms, compression levels and thresholds.
const RULES: &str = "envlock layer rules 1";

/// What determines a layer's bytes besides its wheels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSettings {
    /// `3.14`
    pub python_minor: String,
    /// Whether the environment is a virtual one of the base's interpreter.
    pub is_virtual: bool,
    /// Seconds since 1970-01-01 UTC, the time of every file.
    pub epoch: i64,
    /// How it is compressed.
    pub compression: Compression,
    /// The full version of the interpreter that compiled its modules; `None`: they are not compiled.
    pub bytecode: Option<String>,
}

impl LayerSettings {
    /// The settings of all layers of a lock.
    pub fn of(lock: &Lock, build: BuildSpec) -> Self {
        let release = lock.python.version.release();
        let minor = release.iter().take(2).map(u64::to_string).collect::<Vec<_>>().join(".");
        LayerSettings {
            python_minor: minor,
            is_virtual: lock.python.source == PythonSource::Base,
            epoch: lock.target.source_date_epoch,
            compression: build.compression,
            bytecode: match build.bytecode {
                Bytecode::None => None,
                Bytecode::UncheckedHash => Some(lock.python.version.to_string()),
            },
        }
    }

    /// The key of the layer that these wheels make, in whatever order they are given.
    pub fn key(&self, wheels: impl IntoIterator<Item = Sha256>) -> Sha256 {
        let mut wheels: Vec<Sha256> = wheels.into_iter().collect();
        wheels.sort_unstable();
        let LayerSettings { python_minor, is_virtual, epoch, compression, bytecode } = self;
        // Keys of locks are hashes of this text: it must not change.
        let compression = match compression {
            Compression::Gzip => "Gzip",
            Compression::Zstd => "Zstd",
        };
        let mut text = format!("{RULES}\n{python_minor} {is_virtual} {epoch} {compression}\n");
        if let Some(version) = bytecode {
            text.push_str(&format!("compiled by {version}\n"));
        }
        for wheel in wheels {
            text.push_str(&format!("{wheel}\n"));
        }
        Sha256::finish(&mut <Hasher as sha2::Digest>::new_with_prefix(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_wheels_and_of_everything_that_shapes_their_layer() {
        let lock = crate::lock::sample();
        let (a, b) = (Sha256::of("a"), Sha256::of("b"));
        let one = LayerSettings::of(&lock, BuildSpec::default());
        assert_eq!(one.key([a, b]), one.key([b, a]));
        assert_ne!(one.key([a, b]), one.key([a]));
        // As in existing locks.
        assert_eq!(
            one.key([a, b]).to_string(),
            "77c7bd06da170dcdf1f5763ab34333c39f84f215acd2de4cf3e8508b22a66eb0"
        );
        let changed = [
            LayerSettings { python_minor: "3.15".to_owned(), ..one.clone() },
            LayerSettings { is_virtual: !one.is_virtual, ..one.clone() },
            LayerSettings { epoch: one.epoch + 1, ..one.clone() },
            LayerSettings { compression: Compression::Zstd, ..one.clone() },
            LayerSettings { bytecode: Some("3.14.2".to_owned()), ..one.clone() },
        ];
        for other in changed {
            assert_ne!(other.key([a, b]), one.key([a, b]), "{other:?}");
        }
    }
}
