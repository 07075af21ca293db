//! What can go wrong between a tree and a layer's bytes.

use std::io;

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};

/// A layer that could not be made.
#[derive(Debug, Error, Diagnostic)]
pub enum SpliceError {
    /// The inflated bytes are not those the wheel's directory describes.
    #[error("{wheel}: {path} has the crc32 {found:08x}, the wheel's directory says {stated:08x}")]
    #[diagnostic(help("{}", HELP))]
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
    #[diagnostic(help("{}", HELP))]
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
    #[diagnostic(help("{}", HELP))]
    Recorded {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
    },
    /// Not one whole deflate stream.
    #[error("{wheel}: the compressed bytes of {path} {what}")]
    #[diagnostic(help("{}", HELP))]
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
    #[diagnostic(help("{}", HELP))]
    Outside {
        /// The wheel.
        wheel: String,
        /// The file, as a path in the layer.
        path: String,
    },
    /// A path or link that tar has no form for.
    #[error("the path {0:?} cannot be in a layer: it has a NUL character or no name")]
    Path(String),
    /// What the rope holds besides the wheels is not gzip: a bug, never a wheel's fault.
    #[error("the layer is not valid at byte {at}")]
    #[diagnostic(help("this is a bug of envlock"))]
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

const HELP: &str = "its sha256 is the locked one, so the wheel was published like this: lock another version of it";

impl Classified for SpliceError {
    fn exit(&self) -> Exit {
        match self {
            SpliceError::Crc { .. }
            | SpliceError::Size { .. }
            | SpliceError::Recorded { .. }
            | SpliceError::Corrupt { .. }
            | SpliceError::Outside { .. } => Exit::Integrity,
            SpliceError::Path(_) => Exit::Build,
            SpliceError::Invalid { .. } | SpliceError::Read(_) | SpliceError::Write(_) => {
                Exit::Failed
            }
        }
    }
}
