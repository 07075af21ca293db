//! The candidates that `index` finds and `solve` and `matrix` choose from: values, and the trait that queries them.
mod candidate;
mod chosen;
mod file_name;
mod lazy;
mod query;
mod target;

pub use candidate::{Candidate, Project, Sidecar, Skip, Skipped, WheelFile};
pub use chosen::{Chosen, WheelFacts};
pub use file_name::file_of;
pub use query::{Catalog, Problem};
pub use target::{CutOffs, Target};
