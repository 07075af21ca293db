//! Why a package is not unpacked.

use std::io;

use thiserror::Error;

use crate::path::PathError;

/// A package that cannot be unpacked, or not beside another one.
#[derive(Debug, Error)]
pub enum Error {
    /// The file of a package, or the folder for unpacked bytes, takes or gives no bytes.
    #[error("reading the package {package}")]
    Read {
        /// File name of the package.
        package: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Unpacked bytes cannot be kept.
    #[error("unpacking {package} into a temporary file")]
    Spool {
        /// File name of the package.
        package: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A part of it is not what dpkg would take, or not safe to take.
    #[error("the package {package} is refused: {member}: {flaw}")]
    Refused {
        /// File name of the package.
        package: String,
        /// The part of it, `data.tar.xz: ./usr/bin/x`.
        member: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Two packages bring one path, and none says that it replaces the other.
    #[error("/{path} is in {first} and in {second}, and neither replaces the other")]
    Conflict {
        /// The path.
        path: String,
        /// Who has it.
        first: String,
        /// Who wants it.
        second: String,
    },
    /// Packages of one name for several architectures bring different bytes.
    #[error("/{path} of {first} is shared with {second}, and is different there")]
    Shared {
        /// The path.
        path: String,
        /// Who has it.
        first: String,
        /// Who wants it.
        second: String,
    },
    /// A member that has no place in the file system made so far.
    #[error("{package} has no place for its files: {source}")]
    Path {
        /// The package.
        package: String,
        /// Why.
        source: PathError,
    },
    /// A file of the database in the base that is not what dpkg writes.
    #[error("/{path} of the base is not as dpkg writes it: {detail}")]
    Database {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
}

/// What is wrong with a part of a package.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Flaw {
    /// The outer archive.
    #[error("no ar archive as deb(5) describes it: {0}")]
    Ar(String),
    /// A way to compress that is not known, or not for this.
    #[error("`{0}` is not among the forms deb(5) has for it: none, .gz, .xz, .zst")]
    Compression(String),
    /// The compressed bytes.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Compressed bytes are followed by others.
    #[error("bytes follow its compressed stream")]
    Trailing,
    /// A number in a tar header.
    #[error("its {0} is no number a tar header can have")]
    Number(&'static str),
    /// A tar header.
    #[error("no tar header of the formats v7, ustar and GNU: {0}")]
    Header(&'static str),
    /// An entry that dpkg does not unpack, or that no package may have.
    #[error("a tar entry of type `{}` ({what}), which a package cannot have", kind.escape_ascii())]
    Kind {
        /// The type's byte.
        kind: u8,
        /// What people call it.
        what: &'static str,
    },
    /// A name.
    #[error("a name that {0}")]
    Name(&'static str),
    /// A hard link.
    #[error("a hard link to `{}`, which is no earlier file of the package", .0.escape_debug())]
    Link(String),
    /// The same name twice.
    #[error("it is there twice")]
    Twice,
    /// More than is allowed.
    #[error("it is larger than {limit} {unit}")]
    Large {
        /// The most there may be.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Text that is not UTF-8 or not what the format has.
    #[error("{0}")]
    Text(String),
    /// A field of the control file.
    #[error("the field {field}: {why}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It is not there.
    #[error("it is missing")]
    Missing,
}

impl Flaw {
    /// As the part of a package.
    pub(crate) fn of(self, package: &str, member: impl Into<String>) -> Error {
        Error::Refused { package: package.to_owned(), member: member.into(), flaw: self }
    }
}
