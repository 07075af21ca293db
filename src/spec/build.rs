//! `[build]` as values: how images are made.

use serde::{Deserialize, Serialize};

/// Settings of builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuildSpec {
    /// By which engine.
    pub engine: EngineChoice,
    /// How the `layers` engine compresses.
    pub compression: Compression,
    /// Whether the `layers` engine compiles modules ahead of their first import.
    pub bytecode: Bytecode,
    /// Whether the images must have a C compiler.
    pub compiler: CompilerNeed,
    /// Whether `build --push` runs the images in containers before anything names them.
    pub verify: bool,
}

/// Whether the images must have a C compiler, which Triton (torch.compile) calls at run time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompilerNeed {
    /// If the lock has Triton.
    #[default]
    Auto,
    /// No: torch.compile may fail in the images.
    None,
}

/// Whether modules are compiled ahead of their first import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bytecode {
    /// The images hold sources only.
    #[default]
    None,
    /// By the locked interpreter, which must run on the building machine; Python then never checks their source (PEP 552).
    UncheckedHash,
}

/// Which engine makes the images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// `layers` where it can, else `dockerfile`; the build says which and why
    #[default]
    Auto,
    /// BuildKit, through docker buildx
    Dockerfile,
    /// Built in: no daemon, wheels become layers without being compressed again
    Layers,
}

/// How the layers of the `layers` engine are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// The wheels' own deflate streams: nothing is compressed again.
    #[default]
    Gzip,
    /// Compressed again: smaller and faster to unpack, slower to make.
    Zstd,
}
