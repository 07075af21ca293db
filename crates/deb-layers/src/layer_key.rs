//! What shapes a layer's bytes besides its packages, and the key that all make together: the same key means the same bytes
//! on every machine, so a layer is known before a package is read.

use oci_digest::{Hasher, Sha256};
use sha2::Digest as _;

/// The rules by which packages become layers. A new number when any of them changes a byte: what is unpacked where,
/// what the database says, tar and gzip forms, compression levels.
const RULES: &str = "deb-layers rules 1";

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Any engine can read it.
    Gzip,
    /// Smaller, and faster to unpack.
    Zstd,
}

/// What shapes a layer's bytes besides its packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSettings {
    /// Seconds since 1970-01-01 UTC: the time of what was made, and the latest time of anything.
    pub epoch: i64,
    /// How it is compressed.
    pub compression: Compression,
}

impl LayerSettings {
    /// The key of the layer that these packages make, in this order. `context` is all else that matters, one value a line:
    /// the base, the layers below, the version of the effects that were applied, the scripts that were skipped.
    pub fn key<'a>(
        &self,
        packages: impl IntoIterator<Item = Sha256>,
        context: impl IntoIterator<Item = &'a str>,
    ) -> Sha256 {
        let compression = match self.compression {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        let mut hasher = Hasher::new();
        hasher.update(format!("{RULES}\n{} {compression}\n", self.epoch));
        for package in packages {
            hasher.update(format!("package {package}\n"));
        }
        for value in context {
            // With its length: no value can look like two.
            hasher.update(format!("context {} {value}\n", value.len()));
        }
        Sha256::finish(&mut hasher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_everything_that_shapes_the_layer() {
        let (a, b) = (Sha256::of("a"), Sha256::of("b"));
        let one = LayerSettings { epoch: 5, compression: Compression::Gzip };
        let key = one.key([a, b], ["base", "effects 1"]);
        // What is remembered by it stays remembered.
        let known = "313ceb5da613f2341a396016b9bf84b9";
        assert_eq!(key.to_string()[..32], *known);
        for other in [
            one.key([b, a], ["base", "effects 1"]),
            one.key([a], ["base", "effects 1"]),
            one.key([a, b], ["base", "effects 2"]),
            one.key([a, b], ["base\ncontext 9 effects 1"]),
            LayerSettings { epoch: 6, ..one }.key([a, b], ["base", "effects 1"]),
            LayerSettings { compression: Compression::Zstd, ..one }
                .key([a, b], ["base", "effects 1"]),
        ] {
            assert_ne!(other, key);
        }
    }
}
