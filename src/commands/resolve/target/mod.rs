//! What the set is chosen for: the interpreter's full version, the base images' digests, the C library.
mod decide;
mod gather;
mod likely;
mod pins;

pub(in crate::commands) use decide::release_glibc;
pub(super) use gather::Servers;
pub(super) use likely::likely;
pub(super) use pins::pins;
