//! Errors of rendering.

use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;
use yaml_scalar_edit::Document;

use super::Problem;
use crate::config;
use crate::exit::{Classified, Exit};

/// A compose file that cannot be made.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// config.yaml has errors.
    #[error("{message}")]
    #[diagnostic(help("{help}"))]
    Setting {
        /// What is wrong, the place included.
        message: String,
        /// What to do.
        help: String,
        /// The file's text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
        /// What else is wrong.
        #[related]
        others: Vec<Error>,
    },
    /// The template is wrong, or uses an undefined variable.
    #[error("{file}, line {line}: {message}")]
    Template {
        /// The template, or the one it includes.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do.
        #[help]
        help: Option<String>,
        /// Its text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
    },
    /// The rendered text is not YAML.
    #[error("the result of {template} is not YAML{origin}: {message}")]
    #[diagnostic(help("correct the template; nothing was written"))]
    NotYaml {
        /// The template.
        template: String,
        /// The line of the template that gave that, as a phrase; empty when that is not known.
        origin: String,
        /// What is wrong.
        message: String,
        /// The rendered text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label("here")]
        span: Option<SourceSpan>,
    },
    /// config.yaml has a value that JSON cannot hold.
    #[error("{file} cannot be read as settings: {message}")]
    #[diagnostic(help("keys must be text, and values text, numbers, true, false, lists or maps"))]
    NotSettings {
        /// The file.
        file: String,
        /// Why.
        message: String,
    },
    /// A file that is not YAML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] config::Error),
}

impl Error {
    pub(super) fn setting(file: &str, document: &Document<'_>, problem: &Problem) -> Self {
        Error::Setting {
            message: problem.message.clone(),
            help: problem.help.clone(),
            text: NamedSource::new(file, document.text().to_owned()).into(),
            span: problem.range(document).map(SourceSpan::from),
            others: vec![],
        }
    }

    pub(super) fn with(self, more: Vec<Error>) -> Self {
        match self {
            Error::Setting { message, help, text, span, .. } => {
                Error::Setting { message, help, text, span, others: more }
            }
            other => other,
        }
    }

    pub(super) fn not_yaml<'o>(
        template: &str,
        rendered: &str,
        error: yaml_scalar_edit::Error,
        origin: impl Fn(usize) -> Option<(&'o str, usize)>,
    ) -> Self {
        let message = error.to_string().trim_start_matches("not readable as YAML: ").to_owned();
        let span = error.span().cloned();
        let origin = span.as_ref().and_then(|span| origin(span.start));
        let origin =
            origin.map(|(file, line)| format!(" (from {file}, line {line})")).unwrap_or_default();
        let text = NamedSource::new("what was rendered", rendered.to_owned()).into();
        Error::NotYaml {
            template: template.to_owned(),
            origin,
            message,
            text,
            span: span.map(SourceSpan::from),
        }
    }

    pub(super) fn template(
        file: &str,
        text: &str,
        place: (usize, Option<Range<usize>>),
        message: String,
        help: Option<String>,
    ) -> Self {
        let (line, range) = place;
        Error::Template {
            file: file.to_owned(),
            line,
            message,
            help,
            text: NamedSource::new(file, text.to_owned()).into(),
            span: range.map(SourceSpan::from),
        }
    }
}

/// Nothing, if there are no problems.
///
/// # Errors
/// All of them, in the order of the file, each shown at its place.
pub fn refuse(
    file: &str,
    document: &Document<'_>,
    mut problems: Vec<Problem>,
) -> Result<(), Error> {
    problems.sort_by_key(|problem| problem.range(document).map(|range| range.start));
    let mut errors = problems.iter().map(|problem| Error::setting(file, document, problem));
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(first.with(errors.collect())),
    }
}

impl Classified for Error {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
