//! What is wanted: `envlock.toml`, or the built-in stack where there is none.
mod build;
mod builtin;
mod direct;
mod error;
mod file;
mod model;
mod overrides;
mod release;
mod tables;
mod time;

pub use build::{BuildSpec, Bytecode, CompilerNeed, Compression, EngineChoice};
pub use builtin::{BUILTIN_TEXT, builtin};
pub use direct::{DirectWheel, WISH};
pub use error::Error;
pub use file::{FILE_NAME, load, parse, parse_profile};
pub use model::*;
pub use overrides::{IndexOverride, Overrides};
pub use release::{Records, ReleaseSpec, SignSpec, SignWith};
pub use time::cut_off;
