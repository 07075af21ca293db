//! Parsers of index pages in HTML (PEP 503) and JSON (PEP 691): pages → candidates. Pure.
pub mod html;
pub mod json;
pub mod link;
pub(super) mod not_an_index;
pub mod page;
mod place;
mod versions;
