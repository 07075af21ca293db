//! Errors of releases.

use camino::Utf8PathBuf;
use miette::Diagnostic;
use thiserror::Error;

use super::model::FILE_NAME;
use crate::config;
use crate::digest::Sha256;
use crate::exit::{Classified, Exit};
use crate::room;

/// A release that was not written, or a history that cannot be used. All files are as they were.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// A file or folder that cannot be read or written.
    #[error("{path} cannot be {action}: {source}{}", room::left(path, source))]
    #[diagnostic(help("nothing was changed; check the file, its folder and the free space"))]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// "read", "written", …
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No file to name the images in.
    #[error("{path} does not exist: there is no file that would name the images")]
    #[diagnostic(help(
        "write it, name another one with `path` under [config] in envlock.toml, or give --no-config to `build --push`: the images \
         are pushed and the release recorded without it"
    ))]
    NoConfig {
        /// The file, relative to the project folder.
        path: Utf8PathBuf,
    },
    /// A file that may not be replaced.
    #[error("{path} is read-only")]
    #[diagnostic(help("nothing was changed; make it writable (chmod u+w) and run again"))]
    ReadOnly {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A folder in which nothing may be replaced.
    #[error("{file} cannot be replaced: its folder {folder} cannot be written to: {source}")]
    #[diagnostic(help("nothing was changed; make the folder writable and run again"))]
    ReadOnlyFolder {
        /// The folder.
        folder: Utf8PathBuf,
        /// The file in it.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of another user, who would lose it by the change.
    #[error(
        "{path} belongs to user {uid}, group {gid}, and cannot be replaced without taking it from them: {source}"
    )]
    #[diagnostic(help("nothing was changed; run as that user, or make the file yours (chown)"))]
    OtherOwner {
        /// The file.
        path: Utf8PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Why the new file cannot be given to them.
        #[source]
        source: std::io::Error,
    },
    /// A file that the kernel keeps unchanged.
    #[error("{path} cannot be replaced: it has the attribute {flag} (chattr +{flag})")]
    #[diagnostic(help("nothing was changed; run `chattr -{flag} {path}`, then run again"))]
    Flagged {
        /// The file, or its folder.
        path: Utf8PathBuf,
        /// As `lsattr` shows it.
        flag: char,
    },
    /// A file that is itself a mount point.
    #[error("{path} cannot be replaced: the file itself is mounted there")]
    #[diagnostic(help(
        "nothing was changed; mount the folder that it is in, not the file (docker run -v FOLDER:/work)"
    ))]
    Mounted {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A file with other names, which would keep the old content.
    #[error("{path} has {names} names (hard links): the others would keep its old content")]
    #[diagnostic(help(
        "nothing was changed; make it a file of its own (cp -a {path} {path}.own && mv {path}.own {path}), and the \
         others symlinks to it where they are to follow"
    ))]
    HardLinked {
        /// The file.
        path: Utf8PathBuf,
        /// How many, this one included.
        names: u64,
    },
    /// An access control list or extended attribute that would be lost.
    #[error("{path} would lose {}: {source}", attribute(name))]
    #[diagnostic(help(
        "nothing was changed; run as the user who set it, or take it away (getfattr -d -m - {path} shows it)"
    ))]
    Attribute {
        /// The file.
        path: Utf8PathBuf,
        /// Its name; empty: it has some that cannot be listed.
        name: String,
        /// Why the new file cannot be given it.
        #[source]
        source: std::io::Error,
    },
    /// Two names of one file, both to be changed.
    #[error("{file} and {other} are the same file")]
    #[diagnostic(help("nothing was changed; name it once under [config] in envlock.toml"))]
    SameFile {
        /// One name.
        file: Utf8PathBuf,
        /// The other.
        other: Utf8PathBuf,
    },
    /// Another envlock is running, and `--no-wait` is set.
    #[error("another envlock {what} this project")]
    #[diagnostic(help("nothing was changed; run again later, or without --no-wait"))]
    Busy {
        /// What it does.
        what: &'static str,
    },
    /// A change that failed, and could not be undone yet.
    #[error("a change was interrupted and is not undone yet ({undo})")]
    #[diagnostic(help(
        "check the disk and the files' permissions; the next envlock command finishes or undoes it"
    ))]
    Unfinished {
        /// Why it could not be undone.
        undo: String,
        /// Why it failed.
        #[source]
        source: Box<Error>,
    },
    /// A file that someone else wrote to in the meantime.
    #[error("{path} was changed by someone else while envlock was running")]
    #[diagnostic(help("nothing was changed; run again"))]
    ChangedMeanwhile {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The same, found after the images were pushed.
    #[error("{path} was changed by someone else during the build")]
    #[diagnostic(help(
        "the images are pushed and stay where they are; {path} and the other files were not touched. Run the same \
         command again: what is in the registry is neither built nor sent once more"
    ))]
    ChangedDuringBuild {
        /// The file.
        path: Utf8PathBuf,
    },
    /// An interrupted change that can be neither finished nor undone.
    #[error("an interrupted change to {path} can be neither finished nor undone: {reason}")]
    #[diagnostic(help(
        "restore the file yourself (git has the last state), then delete .envlock/transaction"
    ))]
    Stuck {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// config.yaml cannot be edited.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] config::Error),
    /// A newer envlock wrote the history.
    #[error("{FILE_NAME} line {line} has format {found}; this envlock reads up to format {known}", known = super::FORMAT)]
    #[diagnostic(help("install a newer envlock"))]
    Newer {
        /// The line, from 1.
        line: usize,
        /// Its format.
        found: u32,
    },
    /// A line that is no release.
    #[error("{FILE_NAME} line {line} is not a release: {reason}")]
    #[diagnostic(help("restore the file from git; nothing was changed"))]
    Broken {
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// A last line that was not written completely.
    #[error("the last line of {FILE_NAME} ({line}) is cut off: {text}")]
    #[diagnostic(help("restore the file from git, or delete that line, then run again"))]
    TornLine {
        /// The line, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A release that is not in the history.
    #[error("there is no release {number}")]
    #[diagnostic(help("{known}"))]
    NoRelease {
        /// The number asked for.
        number: u64,
        /// Which there are.
        known: String,
    },
    /// An image that no release has.
    #[error("no release has an image {digest}")]
    #[diagnostic(help("`envlock history` shows the releases and their images"))]
    NoSuchImage {
        /// Its digest, or the first digits.
        digest: String,
    },
    /// First digits that more than one image has.
    #[error("{digest} is the beginning of more than one image: {found}")]
    #[diagnostic(help("write more of the digest"))]
    SeveralImages {
        /// The first digits.
        digest: String,
        /// The digests.
        found: String,
    },
    /// Nothing to go back to.
    #[error("there is no earlier release to go back to: {0}")]
    #[diagnostic(help("`envlock history` shows the releases; choose one with --to N"))]
    NoEarlier(String),
    /// Values that someone changed by hand.
    #[error("changed by hand since the last release: {0}")]
    #[diagnostic(help("nothing was changed; --force overwrites these values"))]
    ChangedByHand(String),
    /// Images that the registry no longer has.
    #[error("no longer in the registry: {0}")]
    #[diagnostic(help(
        "nothing was changed; choose another release with --to N, or build it again from its lock"
    ))]
    ImagesGone(String),
    /// A registry that does not say whether it has an image.
    #[error("whether {image} still exists is not known: {reason}")]
    #[diagnostic(help("nothing was changed; check the registry and the login, then run again"))]
    RegistrySilent {
        /// The image.
        image: String,
        /// Why.
        reason: String,
    },
    /// A lock that was not found.
    #[error("the {FILE} with sha256 {sha256} is neither in .envlock/locks nor in git's history", FILE = crate::lock::FILE_NAME)]
    #[diagnostic(help("roll back without --lock, or restore it yourself; nothing was changed"))]
    LockLost {
        /// The lock's hash.
        sha256: Sha256,
    },
}

impl Error {
    /// Whether a file is missing, in contrast to one that cannot be read.
    pub fn is_absence(&self) -> bool {
        match self {
            Error::NoConfig { .. } => true,
            Error::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// The same error, for a user whose images are in the registry by now.
    pub fn after_push(self) -> Self {
        match self {
            Error::ChangedMeanwhile { path } => Error::ChangedDuringBuild { path },
            other => other,
        }
    }

    pub(super) fn file(
        path: &camino::Utf8Path,
        action: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::File { path, action, source }
    }
}

fn attribute(name: &str) -> String {
    match name {
        "" => "its extended attributes".to_owned(),
        "system.posix_acl_access" => "its access control list".to_owned(),
        name => format!("its attribute {name}"),
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Config(error) => error.exit(),
            Error::ChangedByHand(_) => Exit::ConfigRefused,
            Error::ImagesGone(_) | Error::RegistrySilent { .. } => Exit::Registry,
            Error::NoConfig { .. }
            | Error::Newer { .. }
            | Error::Broken { .. }
            | Error::TornLine { .. }
            | Error::NoRelease { .. }
            | Error::NoSuchImage { .. }
            | Error::SeveralImages { .. }
            | Error::NoEarlier(_) => Exit::Usage,
            Error::File { .. }
            | Error::ReadOnly { .. }
            | Error::ReadOnlyFolder { .. }
            | Error::OtherOwner { .. }
            | Error::Flagged { .. }
            | Error::Mounted { .. }
            | Error::HardLinked { .. }
            | Error::Attribute { .. }
            | Error::SameFile { .. }
            | Error::Busy { .. }
            | Error::Unfinished { .. }
            | Error::ChangedMeanwhile { .. }
            | Error::ChangedDuringBuild { .. }
            | Error::Stuck { .. }
            | Error::LockLost { .. } => Exit::Failed,
        }
    }
}
