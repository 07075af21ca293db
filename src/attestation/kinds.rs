//! Types and annotations of the artifacts beside an image.

/// The artifact type of a bill of materials.
pub const SBOM: &str = "application/vnd.cyclonedx+json";
/// The artifact type of an in-toto statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// The artifact type of a sigstore bundle: a signature, or a signed statement.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The annotation with the hash of the lock that an artifact belongs to.
pub(crate) const OF_LOCK: &str = "dev.envlock.lock.sha256";
/// The annotation with the predicate type of a statement.
pub(super) const PREDICATE: &str = "in-toto.io/predicate-type";
