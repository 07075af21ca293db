//! Referrers of an image: stored in the best way that its registry supports, and read in whichever way they are stored.
pub(crate) mod attach;
pub(crate) mod attached;
pub(crate) mod fallback_tag;
pub(crate) mod list;
pub(crate) mod plain;
pub(crate) mod read;
pub(crate) mod referrer;
pub(crate) mod way;
