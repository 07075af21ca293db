//! What is wrong with a Release file.

use crate::deb822::BadParagraph;

/// A Release file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not a list of fields.
    #[error("it is no Release file: {0}")]
    Form(#[from] BadParagraph),
    /// Another number of paragraphs than one.
    #[error("it is no Release file: it has {0} paragraphs, not one")]
    Paragraphs(usize),
    /// A field that must be there is not.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A field with a value that it cannot have.
    #[error("its `{field}` is `{value}`, {why}")]
    Value {
        /// The field.
        field: &'static str,
        /// As it is written, cut after some characters.
        value: String,
        /// What is expected.
        why: &'static str,
    },
    /// A line of a list of files.
    #[error("its list of {list} has the line `{line}`: {why}")]
    Listed {
        /// The list, such as `SHA256`.
        list: &'static str,
        /// The line, cut after some characters.
        line: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A file has another size in another list.
    #[error("it states two sizes for {0}")]
    Sizes(String),
    /// A component that is not there.
    #[error("it has no component `{component}`; it has {there}")]
    NoComponent {
        /// What was asked for.
        component: String,
        /// Those that are there.
        there: String,
    },
    /// An architecture that is not there.
    #[error("it has nothing for the architecture `{architecture}`; it has {there}")]
    NoArchitecture {
        /// What was asked for.
        architecture: String,
        /// Those that are there.
        there: String,
    },
    /// No list of packages in a format that is known here.
    #[error("it lists no {0}, neither as it is nor compressed with xz, zstd or gzip")]
    NoPackages(String),
}
