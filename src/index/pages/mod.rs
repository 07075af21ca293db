//! What an index says of a project: pages in HTML (PEP 503) and JSON (PEP 691) → candidates. Pure.
pub mod html;
pub mod json;
pub mod link;
pub mod page;
mod place;
pub(super) mod pretender;
mod versions;
