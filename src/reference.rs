//! References of images, pinned ones among them: those of [`oci_registry`], with advice where one cannot be read.

use miette::Diagnostic;
pub use oci_registry::{BadReference, PinnedReference, Repository, parse};
use thiserror::Error;

use crate::exit::{Classified, Exit};

/// A reference that cannot be read, with the message of [`BadReference`].
#[derive(Debug, Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(help("write it as HOST/NAME:TAG, for example docker.io/library/ubuntu:24.04"))]
pub struct Unreadable(#[from] pub BadReference);

impl Classified for Unreadable {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
