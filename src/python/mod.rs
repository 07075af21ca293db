//! Python packaging standards: wheel names, tags, metadata, markers. Thin over libraries, pure.
mod metadata;

pub use metadata::CoreMetadata;
