//! What is wrong with a file in a wheel.

use thiserror::Error;

/// What is wrong with a member of a wheel; the sentence goes on after the member's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Flaw {
    /// The name leads out of the environment, or could be taken for a path that does.
    #[error("is no plain path ({0})")]
    Path(&'static str),
    /// Readers disagree about the name.
    #[error("has a name that is neither ASCII nor declared as UTF-8")]
    Name,
    /// A symbolic link.
    #[error("is a symbolic link")]
    Symlink,
    /// A device, a socket, a folder that is named like a file.
    #[error("is neither a file nor a folder (mode {0:o})")]
    Special(u32),
    /// The name is there twice.
    #[error("is in it twice")]
    Duplicate,
    /// The name is a file's and a folder's.
    #[error("is a file and a folder")]
    FileAndFolder,
    /// The data or a header is not inside the file.
    #[error("lies outside of the file")]
    Outside,
    /// Its bytes are another member's as well.
    #[error("and `{0}` share bytes")]
    Overlap(String),
    /// The header before the data is not the directory's.
    #[error("has another {0} in its own header than in the directory")]
    Header(&'static str),
    /// Sizes that cannot be.
    #[error("states sizes that cannot be ({packed} bytes packed, {unpacked} unpacked)")]
    Sizes {
        /// Bytes in the file.
        packed: u64,
        /// Bytes unpacked.
        unpacked: u64,
    },
    /// More would come out of it than deflate can pack.
    #[error("is a zip bomb: {packed} bytes cannot unpack to {unpacked}")]
    Bomb {
        /// Bytes in the file.
        packed: u64,
        /// Bytes unpacked.
        unpacked: u64,
    },
    /// It has a password.
    #[error("is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error(
        "is compressed with {}, and installers know only deflate (and what is stored as it is)",
        method_name(*.0)
    )]
    Method(u16),
    /// The data is not what was packed.
    #[error("is damaged: its checksum is wrong")]
    Crc,
    /// The data does not inflate.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    /// A place that no installer knows.
    #[error(
        "is for no known place: below `.data/` are purelib, platlib, scripts, headers and data"
    )]
    Scheme,
    /// Two members of one wheel would be installed at one path.
    #[error("would be installed at /{0}, where the wheel puts something else as well")]
    Twice(String),
    /// RECORD says another size.
    #[error("has {size} bytes, RECORD says {recorded}")]
    RecordedSize {
        /// Bytes unpacked.
        size: u64,
        /// Bytes by RECORD.
        recorded: String,
    },
    /// RECORD has another hash.
    #[error("is not the file whose hash stands in RECORD")]
    RecordedHash,
    /// A line that cannot be read.
    #[error("has a line that means nothing: `{}`", .0.escape_debug())]
    Line(String),
}

/// The name of a zip compression method (APPNOTE 4.4.5).
fn method_name(method: u16) -> String {
    let name = match method {
        1 => "shrink",
        6 => "implode",
        9 => "deflate64",
        12 => "bzip2",
        14 => "lzma",
        93 => "zstd",
        95 => "xz",
        98 => "ppmd",
        other => return format!("method {other}"),
    };
    format!("{name} (method {method})")
}
