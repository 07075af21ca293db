//! A lock in other tools' formats. Pure: addresses and times are given.
mod address;
mod cyclonedx;
mod pylock;
mod requirements;

pub use address::public;
pub use cyclonedx::cyclonedx;
pub use pylock::{Found, is_pylock_name, pylock};
pub use requirements::{Page, requirements};
