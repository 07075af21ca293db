//! A lock in other tools' formats. Pure: addresses and times are given.
mod address;
mod cyclonedx;
mod provenance;
mod pylock;
mod requirements;

pub use address::public;
pub use cyclonedx::{cyclonedx, cyclonedx_of_image};
pub use provenance::{Origin, PROVENANCE, RunFacts, predicate, provenance};
pub use pylock::{Found, is_pylock_name, pylock};
pub use requirements::{Page, requirements};
