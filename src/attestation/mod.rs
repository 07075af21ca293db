//! What anybody can check about an image: the lock it was built from, a bill of materials, its provenance, signatures.
//! All of it is stored beside the image in its registry and never changes its digest.
mod attach;
mod check;
mod cosign;
mod deep;
mod error;
mod facts;
mod gather;
mod kinds;

pub use attach::attach;
pub use check::{Finding, Verdict, check, excuse};
pub use cosign::{Attested, Cosign};
pub use deep::deep;
pub use error::Error;
pub use facts::run_facts;
pub use gather::{Evidence, LockFound, gather, lock_of};
