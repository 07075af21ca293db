//! What is about an image: put beside it in the best way that its registry has, and read in whichever way it is stored.
pub(crate) mod attach;
pub(crate) mod attached;
pub(crate) mod fallback_tag;
pub(crate) mod list;
pub(crate) mod plain;
pub(crate) mod read;
pub(crate) mod referrer;
pub(crate) mod way;
