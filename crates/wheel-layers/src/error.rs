//! Why a wheel is not installed.

use thiserror::Error;

use crate::flaw::Flaw;
use crate::zip::BadZip;

/// A wheel that cannot be installed, or not beside another one.
#[derive(Debug, Error)]
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
    Zip {
        /// File name of the wheel.
        wheel: String,
        /// What is wrong with it.
        source: BadZip,
    },
    /// A file in it that is not installed as it is.
    #[error("the wheel {wheel} is refused: `{}` {flaw}", member.escape_debug())]
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
        "the wheel {wheel} is refused: it unpacks to {unpacked} bytes, {promised} were promised"
    )]
    Unpacked {
        /// File name of the wheel.
        wheel: String,
        /// Bytes of all files in it, by its directory.
        unpacked: u64,
        /// Bytes that it may unpack to.
        promised: u64,
    },
    /// It is a zip, and not a wheel or not this one.
    #[error("{wheel} is no usable wheel: {detail}")]
    Wheel {
        /// File name of the wheel.
        wheel: String,
        /// What is wrong.
        detail: String,
    },
    /// Two of a set bring different things to one place.
    #[error("{first} and {second} both bring /{path}, and not the same")]
    Conflict {
        /// Who came first.
        first: String,
        /// Who came second.
        second: String,
        /// The path, without the leading slash.
        path: String,
    },
}

impl Error {
    /// A member of a wheel is refused.
    pub fn member(wheel: &str, member: &str, flaw: Flaw) -> Self {
        Error::Member { wheel: wheel.to_owned(), member: member.to_owned(), flaw }
    }

    pub(crate) fn wheel(wheel: &str, detail: impl Into<String>) -> Self {
        Error::Wheel { wheel: wheel.to_owned(), detail: detail.into() }
    }

    pub(crate) fn read(wheel: &str) -> impl Fn(std::io::Error) -> Self {
        move |source| Error::Read { wheel: wheel.to_owned(), source }
    }

    pub(crate) fn zip(wheel: &str) -> impl Fn(BadZip) -> Self {
        move |source| match source {
            BadZip::Checksum(member) => Error::member(wheel, &member, Flaw::Crc),
            BadZip::Outside(member) => Error::member(wheel, &member, Flaw::Outside),
            BadZip::Member(member, why) => Error::member(wheel, &member, Flaw::Damaged(why)),
            source => Error::Zip { wheel: wheel.to_owned(), source },
        }
    }
}
