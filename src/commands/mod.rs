//! One file a verb: gather facts, call pure code, act, report.
mod after;
pub mod build;
pub mod cache;
pub mod completions;
mod context;
pub mod doctor;
mod driver;
mod embedded;
pub mod export;
pub mod history;
pub mod init;
mod live;
pub mod matrix;
pub mod outdated;
pub mod resolve;
pub mod rollback;
mod run;
pub mod schema;
pub mod serve;
pub mod status;
mod summary;
pub mod why;

pub use context::Context;
pub use run::run;
