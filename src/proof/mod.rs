//! What anybody can check about an image: the lock it was built from, a bill of materials, its provenance, signatures.
//! All of it lies beside the image in its registry and never changes its digest.
mod attach;
mod cosign;
mod deep;
mod error;
mod facts;
mod gather;
mod judge;

pub use attach::attach;
pub use cosign::{Attested, Cosign};
pub use deep::deep;
pub use error::Error;
pub use facts::run_facts;
pub use gather::{Evidence, LockFound, gather, lock_of};
pub use judge::{Finding, Verdict, excuse, judge};

/// The artifact type of a bill of materials.
pub const SBOM: &str = "application/vnd.cyclonedx+json";
/// The artifact type of an in-toto statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// The artifact type of a sigstore bundle: a signature, or a signed statement.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The annotation that says of which lock an artifact is.
pub(crate) const OF_LOCK: &str = "dev.envlock.lock.sha256";
/// The annotation that says what a statement claims.
const PREDICATE: &str = "in-toto.io/predicate-type";
