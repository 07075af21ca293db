//! Bytes of a file: requested parts, or pieces of a stream.

use bytes::Bytes;

/// A part of a file.
#[derive(Debug)]
pub enum Part {
    /// Bytes from `start` of a file of `total` bytes.
    Range {
        /// Where the bytes start.
        start: u64,
        /// Bytes of the whole file.
        total: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// The server does not send ranges: the whole file must be read.
    NoRanges,
}

/// A piece of a file that is streamed.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The next bytes.
    Bytes(&'a [u8]),
    /// Discard what came so far; the file starts again.
    Restart,
}
