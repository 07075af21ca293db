//! The command line as a whole: the options of all commands, and the verbs.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use super::{
    Build, Cache, Completions, Docs, Doctor, Export, History, Init, Inspect, Matrix, Outdated,
    Prune, Render, Resolve, Rollback, Schema, Serve, Size, Status, Verify, Why,
};
use crate::spec::ProfileName;

const AFTER_HELP: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 lock stale, 4 unsatisfiable, 5 network, 6 integrity,
7 build, 8 registry, 9 config edit refused, 10 the command after a release failed.";

/// Pin PyTorch, PyG, Ray and marimo into one lock, build the images by digest, move config.yaml to
/// them and back.
#[derive(Debug, Parser)]
#[command(name = "envlock", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// The arguments of all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The project folder, with envlock.toml, env.lock and config.yaml
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    pub project: Utf8PathBuf,
    /// Use [profiles.NAME] of envlock.toml, and its lock env.NAME.lock
    #[arg(short = 'P', long, global = true, value_name = "NAME")]
    pub profile: Option<ProfileName>,
    /// Fail at once when another envlock is running in the project, instead of waiting for it
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// Write the result as JSON to stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// Only warnings, errors and results
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// No progress: neither bars on a terminal nor lines without one
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Show requests to servers and engines (repeat for more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Choose a matching set of versions and write env.lock
    Resolve(Resolve),
    /// Build the images of env.lock; with --push, to the registry, then rewrite config.yaml
    Build(Build),
    /// Write the lock in another tool's format
    Export(Export),
    /// Show which requirements lead to a locked package, and through which packages
    Why(Why),
    /// Show which locked packages have newer versions, and what holds them back
    Outdated(Outdated),
    /// Show which torch goes with which torchvision, PyG, Ray and marimo, for each Python
    Matrix(Matrix),
    /// Put an earlier release's digests back into config.yaml
    Rollback(Rollback),
    /// Show what config.yaml runs now, and how it differs from the last release
    Status(Status),
    /// List the releases
    History(History),
    /// Show what is known of an image, and the lock it was built from
    Inspect(Inspect),
    /// Show the sizes of images: layers, packages, what they share and what changed
    Size(Size),
    /// Run images in containers and compare them with their lock; with --supply, check the documents and signatures beside them
    Verify(Verify),
    /// Remove releases that are older than the kept ones and used by no role
    Prune(Prune),
    /// Make docker/compose.yaml from config.yaml and a template
    Render(Render),
    /// Show the folder of downloads and index answers, or free space in it
    ///
    /// `ENVLOCK_STORE` moves the folder
    Cache(Cache),
    /// Serve the images of all your projects to this machine, as a registry on loopback
    Serve(Serve),
    /// Write envlock.toml with every key and its default
    Init(Init),
    /// Check this machine: indexes, registry, engine, files
    ///
    /// A line for each check, with what to do: the project's files, PyPI's address, the store and its disk, the engine a build
    /// would take, docker, buildx and whether the builder can push by digest (warnings where the layers engine does without),
    /// the base image, the registry and its login, and whether the kept releases still have their images. Exit 1 when a check
    /// fails
    Doctor(Doctor),
    /// Print the JSON Schema of a file or of a command's --json result
    ///
    /// `spec` is envlock.toml, `lock` env.lock, `release` a line of env.releases.jsonl, `config` config.yaml; the others are
    /// named like the commands that print them
    Schema(Schema),
    /// Write a completion script for a shell
    ///
    /// For bash: `envlock completions bash > ~/.local/share/bash-completion/completions/envlock`
    Completions(Completions),
    /// Write the reference of docs/, or man pages, from this program
    #[command(hide = true)]
    Docs(Docs),
}
