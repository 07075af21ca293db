//! Why a wheel does not become a layer.

use miette::Diagnostic;
use thiserror::Error;

use crate::exit::{Classified, Exit};
use crate::index::zip::BadZip;

/// A wheel that cannot be installed, or not beside another one.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The file cannot be read.
    #[error("reading the wheel {wheel}")]
    Read {
        /// File name of the wheel.
        wheel: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no usable zip file.
    #[error("{wheel} is no usable wheel: {source}")]
    #[diagnostic(help(
        "its bytes are what its index promised: it was made like that; pin another version"
    ))]
    Zip {
        /// File name of the wheel.
        wheel: String,
        /// What is wrong with it.
        source: BadZip,
    },
    /// A file in it that is not installed as it is.
    #[error("the wheel {wheel} is refused: `{}` {flaw}", member.escape_debug())]
    #[diagnostic(help(
        "its bytes are what its index promised: it was made like that; pin another version"
    ))]
    Member {
        /// File name of the wheel.
        wheel: String,
        /// The file in it.
        member: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// More comes out of it than was promised.
    #[error(
        "the wheel {wheel} is refused: it unpacks to {unpacked} bytes, env.lock says {promised}"
    )]
    #[diagnostic(help(
        "run `envlock resolve` again if env.lock was edited; else pin another version"
    ))]
    Unpacked {
        /// File name of the wheel.
        wheel: String,
        /// Bytes of all files in it, by its directory.
        unpacked: u64,
        /// Bytes by the lock.
        promised: u64,
    },
    /// It is a zip, and not a wheel or not this one.
    #[error("{wheel} is no usable wheel: {detail}")]
    #[diagnostic(help(
        "its bytes are what its index promised: it was made like that; pin another version"
    ))]
    Wheel {
        /// File name of the wheel.
        wheel: String,
        /// What is wrong.
        detail: String,
    },
    /// Two of a set bring different things to one place.
    #[error("{first} and {second} both bring /{path}, and not the same")]
    #[diagnostic(help(
        "only one of them can be installed: leave one out, or pin versions that agree"
    ))]
    Conflict {
        /// Who came first.
        first: String,
        /// Who came second.
        second: String,
        /// The path, without the leading slash.
        path: String,
    },
}

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
    /// Another name differs only in case.
    #[error("and `{0}` differ only in case")]
    Case(String),
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
    #[error("is compressed by method {0}, and wheels know only 0 (stored) and 8 (deflate)")]
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
    /// RECORD does not know it.
    #[error("is not in RECORD")]
    Unrecorded,
    /// RECORD has no hash for it, or a broken one.
    #[error("has no hash in RECORD that counts (sha256, sha384 or sha512)")]
    Unhashed,
    /// RECORD says another size.
    #[error("has {size} bytes, RECORD says {recorded}")]
    RecordedSize {
        /// Bytes unpacked.
        size: u64,
        /// Bytes by RECORD.
        recorded: String,
    },
    /// A line that cannot be read.
    #[error("has a line that means nothing: `{}`", .0.escape_debug())]
    Line(String),
}

impl Error {
    /// A member of a wheel is refused.
    pub fn member(wheel: &str, member: &str, flaw: Flaw) -> Self {
        Error::Member { wheel: wheel.to_owned(), member: member.to_owned(), flaw }
    }

    pub(super) fn wheel(wheel: &str, detail: impl Into<String>) -> Self {
        Error::Wheel { wheel: wheel.to_owned(), detail: detail.into() }
    }

    pub(super) fn read(wheel: &str) -> impl Fn(std::io::Error) -> Self {
        move |source| Error::Read { wheel: wheel.to_owned(), source }
    }

    pub(super) fn zip(wheel: &str) -> impl Fn(BadZip) -> Self {
        move |source| match source {
            BadZip::Checksum(member) => Error::member(wheel, &member, Flaw::Crc),
            BadZip::Outside(member) => Error::member(wheel, &member, Flaw::Outside),
            BadZip::Member(member, why) => Error::member(wheel, &member, Flaw::Damaged(why)),
            source => Error::Zip { wheel: wheel.to_owned(), source },
        }
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Read { .. } => Exit::Failed,
            Error::Conflict { .. } => Exit::Build,
            Error::Zip { .. }
            | Error::Member { .. }
            | Error::Unpacked { .. }
            | Error::Wheel { .. } => Exit::Integrity,
        }
    }
}
