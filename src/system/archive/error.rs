//! What can go wrong between an archive's address and a package.

use debian_archive::{BadKeyring, ReleaseError, SignatureError};
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;
use url::Url;

use crate::digest::Sha256;
use crate::exit::{Classified, Exit};
use crate::{net, store};

/// What may be done where bytes are not those that were signed.
const DISTRUST: &str = "do not use this mirror before you know why: `[sources.debian] url` in envlock.toml names another one";

/// An archive that cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// A request failed after all retries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Net(#[from] net::Error),
    /// A file could not be fetched or kept.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] store::Error),
    /// Nothing says where the archive is.
    #[error("the address of {distribution}'s archive is not set; looked at {looked_at}")]
    #[diagnostic(help(
        "on a machine with apt its own sources are taken; else set sources.{distribution}.url in envlock.toml to a mirror's \
         address, the folder that has `dists`"
    ))]
    NoAddress {
        /// `debian`
        distribution: &'static str,
        /// The places.
        looked_at: String,
    },
    /// A setting that cannot be read.
    #[error("{place}: {why}")]
    Setting {
        /// The file or key.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A keyring that is none.
    #[error("the keyring {place}: {why}")]
    #[diagnostic(help("a keyring is what `gpg --export` writes, armoured or not"))]
    Keyring {
        /// The file.
        place: String,
        /// What is wrong with it.
        why: BadKeyring,
    },
    /// No address has the suite.
    #[error("no archive has the suite {suite}; asked: {asked}")]
    #[diagnostic(help("see that the suite is written right, and that the mirror still has it"))]
    NoSuite {
        /// The suite.
        suite: String,
        /// The addresses of the requests.
        asked: String,
    },
    /// A file is longer than such a file can be.
    #[error("{url} has more than {most} bytes, which no such file has")]
    #[diagnostic(help("{DISTRUST}"))]
    TooLong {
        /// The file.
        url: Url,
        /// The bound.
        most: u64,
    },
    /// The signature does not hold.
    #[error("{url} is not to be trusted: {why}")]
    #[diagnostic(help("{}", signature_help(why)))]
    Signature {
        /// The InRelease file.
        url: Url,
        /// Why not.
        why: Box<SignatureError>,
    },
    /// What is signed is no Release file.
    #[error("{url} cannot be used: {why}")]
    #[diagnostic(help(
        "it was signed like that: its makers know, or `[sources.debian] url` in envlock.toml names another archive"
    ))]
    Release {
        /// The InRelease file.
        url: Url,
        /// Why not.
        why: Box<ReleaseError>,
    },
    /// A Release file of another suite: properly signed, and in the wrong place.
    #[error("{url} is the Release file of {found}, not of {suite}")]
    #[diagnostic(help("the mirror gives one suite for another. {DISTRUST}"))]
    OtherSuite {
        /// The InRelease file.
        url: Url,
        /// What was asked for.
        suite: String,
        /// What it says.
        found: String,
    },
    /// A Release file from the future.
    #[error("{url} is of {date}, which has not come yet")]
    #[diagnostic(help("is this machine's clock right? `date -u` shows it"))]
    NotYetValid {
        /// The InRelease file.
        url: Url,
        /// Its date.
        date: Timestamp,
    },
    /// A Release file that is older than one that is known.
    #[error("{url} is of {date}, older than the one of {known} that is locked")]
    #[diagnostic(help(
        "the mirror is behind, or keeps updates back: try another one, or later; to go back on purpose, remove the `[system]` \
         table of env.lock"
    ))]
    Replayed {
        /// The InRelease file.
        url: Url,
        /// Its date.
        date: Timestamp,
        /// The date of the one that is known.
        known: Timestamp,
    },
    /// A list that the suite does not have.
    #[error("the suite {suite} cannot give its packages: {why}")]
    #[diagnostic(help("see the components and platforms in envlock.toml"))]
    NoList {
        /// The suite.
        suite: String,
        /// Why not.
        why: Box<ReleaseError>,
    },
    /// A package that no address has any more.
    #[error("{name} is not there any more; asked: {asked}")]
    #[diagnostic(help(
        "archives keep the newest packages only. `[sources.debian] snapshots` in envlock.toml names an archive that keeps all; else \
         `envlock resolve --upgrade-system` locks newer ones"
    ))]
    Gone {
        /// The package.
        name: String,
        /// The addresses of the requests.
        asked: String,
    },
    /// A file is of a newer Release file than the one that was read.
    #[error(
        "{url} is not the one that its InRelease of {date} lists: the mirror is in the middle of an update"
    )]
    #[diagnostic(help("run the same command again in some minutes"))]
    Updating {
        /// The list of packages.
        url: Url,
        /// The date of the Release file that was read first.
        date: Timestamp,
    },
    /// A list that does not unpack, or to something else than was signed.
    #[error("{url} cannot be unpacked: {why}")]
    #[diagnostic(help("{DISTRUST}"))]
    Unpack {
        /// The list of packages.
        url: Url,
        /// What is wrong.
        why: String,
    },
    /// A list whose text is another than was signed.
    #[error("{url} unpacks to sha256 {got}, expected {expected}")]
    #[diagnostic(help("{DISTRUST}"))]
    Unpacked {
        /// The list of packages.
        url: Url,
        /// As the Release file states.
        expected: Sha256,
        /// Of what came out.
        got: Sha256,
    },
}

fn signature_help(why: &SignatureError) -> &'static str {
    match why {
        SignatureError::Untrusted(_) => {
            "where the archive is signed by keys of your own: `[sources.debian] keyring` in envlock.toml names the file with them"
        }
        SignatureError::NotSigned => "is this a login page of a proxy? Look at it with curl",
        _ => DISTRUST,
    }
}

impl From<http_retry::Error> for Error {
    fn from(error: http_retry::Error) -> Self {
        Error::Net(error.into())
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Net(error) => error.exit(),
            Error::Store(error) => error.exit(),
            Error::NoAddress { .. } | Error::Setting { .. } | Error::Keyring { .. } => Exit::Usage,
            Error::NoList { .. } => Exit::Usage,
            Error::NoSuite { .. } | Error::Gone { .. } | Error::Updating { .. } => Exit::Network,
            Error::TooLong { .. }
            | Error::Signature { .. }
            | Error::Release { .. }
            | Error::OtherSuite { .. }
            | Error::NotYetValid { .. }
            | Error::Replayed { .. }
            | Error::Unpack { .. }
            | Error::Unpacked { .. } => Exit::Integrity,
        }
    }
}
