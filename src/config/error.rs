//! Why a file is not edited.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use crate::exit::{Classified, Exit};

const FIX_YAML: &str = "correct the file by hand; envlock changes nothing in a file it cannot read";
const FIX_PLACE: &str =
    "write the place out in the file, or correct the path in envlock.toml; nothing was changed";
const FIX_PATH: &str = "say which in envlock.toml: by what only one has, such as [kind=…,metadata.name=…], or by a position such as [0]";
const FIX_VALUE: &str =
    "nothing was changed; write the value out in a simpler form, then run again";

/// An edit that was refused; the file is as it was.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// Bytes that are not UTF-8.
    #[error("{name} is not UTF-8 text (byte {offset})")]
    #[diagnostic(help("save it as UTF-8"))]
    NotText {
        /// The file.
        name: String,
        /// Where the first wrong byte is, counted from 0.
        offset: usize,
    },
    /// A value that cannot be read or changed on its own, shown at its place.
    #[error("{message}")]
    #[diagnostic(help("{help}"))]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
        /// The file's text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
    },
    /// The edit would have changed more than the values it names.
    #[error("changing {name} would change more than asked for: {}", paths.join(", "))]
    #[diagnostic(help(
        "an anchor, alias or merge key shares these values: write them out, or give each its own"
    ))]
    Spills {
        /// The file.
        name: String,
        /// The values that would have changed with it.
        paths: Vec<String>,
    },
}

impl Error {
    /// An error of the editor, with what to do about it.
    pub(super) fn of(bytes: &[u8], error: yaml_scalar_edit::Error) -> Self {
        use yaml_scalar_edit::Error as E;
        let name = "config.yaml".to_owned();
        let (help, message) = match &error {
            E::NotText { offset } => return Error::NotText { name, offset: *offset },
            E::Spills { paths } => return Error::Spills { name, paths: paths.clone() },
            E::NotYaml { message, .. } => (FIX_YAML, message.clone()),
            E::Missing { message, .. } => (FIX_PLACE, message.clone()),
            E::Ambiguous { message } => (FIX_PATH, message.clone()),
            E::NotInPlace { message, .. } => (FIX_VALUE, message.clone()),
            E::Irreversible { paths, reason } => {
                let paths = paths.join(", ");
                (FIX_VALUE, format!("a rollback could not take this back, {paths}: {reason}"))
            }
            E::Unproven => {
                ("please report this with the file; nothing was changed", error.to_string())
            }
        };
        let text = String::from_utf8_lossy(bytes);
        Error::refused(text.trim_start_matches('\u{feff}'), error.span().cloned(), message, help)
    }

    pub(super) fn refused(
        text: &str,
        at: Option<std::ops::Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Error::Refused {
            message: message.into(),
            help: help.into(),
            text: NamedSource::new("config.yaml", text.to_owned()).into(),
            span: at.map(SourceSpan::from),
        }
    }

    /// The same error, about the file of this name.
    pub fn in_file(self, file: &str) -> Self {
        match self {
            Error::NotText { offset, .. } => Error::NotText { name: file.to_owned(), offset },
            Error::Spills { paths, .. } => Error::Spills { name: file.to_owned(), paths },
            Error::Refused { message, help, text, span } => Error::Refused {
                message,
                help,
                text: NamedSource::new(file, text.inner().clone()).into(),
                span,
            },
        }
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        Exit::ConfigRefused
    }
}
