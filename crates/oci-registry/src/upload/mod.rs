//! Blobs into repositories (distribution spec 1.1, "Pushing blobs"), through connections that break.
pub(crate) mod body;
pub(crate) mod chunk;
pub(crate) mod open_upload;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod shared;
#[allow(clippy::module_inception)]
pub(crate) mod upload;
