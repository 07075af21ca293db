//! The checks of an image: expected content compared with what was found. Pure.
mod check;
mod cluster;
mod compute;
mod contents;
mod expected;
mod facts;
mod junit;
mod layout;
mod size;
mod table;

pub use check::{Check, CheckName, ImageReport, Outcome, Tally};
pub use cluster::{client_fits, tasks};
pub use compute::{arch_list, gpus, imports, pyg, torch};
pub use contents::{files, packages, python};
pub use expected::{Expected, MODULES};
pub use facts::{Facts, OfCluster, OfGpu, OfServer};
pub use junit::junit;
pub use layout::{layout, user};
pub use size::{Measured, size};
pub use table::{markdown, table};
