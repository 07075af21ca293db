//! Errors of a spec, shown at their place in envlock.toml.

use camino::Utf8PathBuf;
use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use crate::exit::{Classified, Exit};

/// A spec that cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The file exists and cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A wrong key or value.
    #[error("{message}")]
    #[diagnostic(help("{help}"))]
    File {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
        /// The file's text.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
    },
    /// A command-line override for something that is not in the spec.
    #[error("{0}")]
    Override(String),
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Unreadable { .. } => Exit::Failed,
            Error::File { .. } | Error::Override(_) => Exit::Usage,
        }
    }
}
