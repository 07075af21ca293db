//! What can go wrong between a tree and a layer's bytes.

use std::io;

use thiserror::Error;

/// A layer that could not be made.
#[derive(Debug, Error)]
pub enum SpliceError {
    /// The inflated bytes are not those the wheel's directory describes.
    #[error("{wheel}: {path} has the crc32 {found:08x}, the wheel's directory says {stated:08x}")]
    Crc {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
        /// What the directory says.
        stated: u32,
        /// What its bytes have.
        found: u32,
    },
    /// More or fewer bytes than stated.
    #[error("{wheel}: {path} inflates to {found} bytes{}, the wheel's directory says {stated}", if *more { " or more" } else { "" })]
    Size {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
        /// Bytes, says the directory.
        stated: u64,
        /// Bytes seen.
        found: u64,
        /// Inflating was stopped there.
        more: bool,
    },
    /// Another file than the wheel's own list promises.
    #[error("{wheel}: {path} is not the file whose hash stands in the wheel's RECORD")]
    Recorded {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
    },
    /// Not one whole deflate stream.
    #[error("{wheel}: the compressed bytes of {path} {what}")]
    Corrupt {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
        /// What is wrong with them.
        what: &'static str,
    },
    /// A member that lies outside its wheel.
    #[error("{wheel}: {path} would lie outside the file")]
    Outside {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
    },
    /// A path or link that tar has no form for.
    #[error("the path {0:?} cannot be in a layer: it has a NUL character or no name")]
    Path(String),
    /// What the layer holds besides the wheels is not gzip: a bug, never a wheel's fault.
    #[error("the layer is not valid at byte {at}")]
    Invalid {
        /// Offset in the compressed layer.
        at: u64,
    },
    /// A wheel could not be read.
    #[error("reading the wheels of a layer")]
    Read(#[source] io::Error),
    /// The recompressed layer could not be written.
    #[error("writing a layer")]
    Write(#[source] io::Error),
}
