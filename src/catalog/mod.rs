//! What can be chosen from: `index` brings it, `solve` and `matrix` take it. Values, and the one question they are got by.
mod ask;
mod candidate;
mod chosen;
mod file_name;
mod lazily;
mod target;

pub use ask::{Catalog, Problem};
pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped, WheelFile};
pub use chosen::{Chosen, WheelFacts};
pub use file_name::file_of;
pub use target::{CutOffs, Target};
