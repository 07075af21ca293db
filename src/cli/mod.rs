//! The command line. One struct a command; `commands/` has a file of the same name for each.
mod choose;
mod command;
mod images;
mod machine;
mod project;
mod releases;

pub use choose::{Export, ExportFormat, Matrix, Outdated, Resolve, Why};
pub use command::{Cli, Command, Global};
pub use images::{Build, Inspect, Size, Verify};
pub use machine::{Cache, CacheVerb, Completions, Docs, Schema, Serve};
pub use project::{Doctor, Init, Render};
pub use releases::{History, Prune, Rollback, Status};
