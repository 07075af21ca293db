//! The command line. One struct a command; `commands/` has a file of the same name for each.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use pep508_rs::PackageName;

use crate::cuda::{CudaTag, DriverVersion};
use crate::registry::embedded::HostName;
use crate::release::Wanted;
use crate::size::Measure;
use crate::smoke::Choice;
use crate::smoke::judge::CheckName;
use crate::spec::{CutOff, EngineChoice, ImageName, IndexOverride, ProfileName, PythonRequest};

const AFTER_HELP: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 lock stale, 4 unsatisfiable, 5 network, 6 integrity,
7 build, 8 registry, 9 config edit refused, 10 the command after a release failed.";

/// Pin PyTorch, PyG, Ray and marimo into one lock, build the images by digest, move config.yaml to
/// them and back.
#[derive(Debug, Parser)]
#[command(name = "envlock", version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What is common to all commands.
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
    /// Fail at once when another envlock works in the project, instead of waiting for it
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
    /// Show what is asked of servers and engines (repeat for more)
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
    /// Which of the wishes bring a locked package, and through what
    Why(Why),
    /// Which locked packages have newer versions, and what holds them back
    Outdated(Outdated),
    /// Which torch goes with which torchvision, PyG, Ray and marimo, for each Python
    Matrix(Matrix),
    /// Put an earlier release's digests back into config.yaml
    Rollback(Rollback),
    /// What config.yaml runs now, and how it differs from the last release
    Status(Status),
    /// The releases so far
    History(History),
    /// What is known of an image, and the lock it was built from
    Inspect(Inspect),
    /// What images weigh: layers, packages, what they share and what changed
    Size(Size),
    /// Run images in containers and hold them against their lock; with --supply, what lies beside them
    Verify(Verify),
    /// Remove releases that are older than the kept ones and in no role
    Prune(Prune),
    /// Make docker/compose.yaml from config.yaml and a template
    Render(Render),
    /// Where downloads and index answers are kept, and making room there
    ///
    /// `ENVLOCK_STORE` moves the folder
    Cache(Cache),
    /// Serve the images of all your projects to this machine: a registry without a registry
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
    /// The JSON Schema of a file or of a command's --json result
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

/// `envlock resolve`
#[derive(Debug, Clone, Default, Args)]
pub struct Resolve {
    /// Take a group's packages from another source, by name or URL (repeatable)
    ///
    /// `torch=pypi` takes the group torch from PyPI; `pypi=URL` sets the address of that source for this run
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later: 2026-11-23 (to its end, UTC), an RFC 3339
    /// time, or how far back: 7 days
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Show what would change, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Move these packages to their newest fitting versions (all, when none is named; `python` is the
    /// standalone interpreter); without it, whatever is locked and still fits stays
    #[arg(short = 'U', long, value_name = "PKG", num_args = 0..)]
    pub upgrade: Option<Vec<PackageName>>,
    /// The NVIDIA driver the images will meet, 570 or 570.86.10; one that is too old for the CUDA tag is an error (exit 4)
    #[arg(long, value_name = "VERSION")]
    pub driver: Option<DriverVersion>,
    /// Only tell whether the lock matches the spec (exit 3 when not); no network
    #[arg(long, conflicts_with_all = ["dry_run", "upgrade"])]
    pub check: bool,
    /// Ask no server; use what the cache has, however old (exit 5 when something is missing)
    #[arg(long, conflicts_with_all = ["refresh", "check"])]
    pub offline: bool,
    /// Ask every index again, even where the cache is still fresh
    #[arg(long, conflicts_with = "check")]
    pub refresh: bool,
    /// Only show what the lock changes, with sizes, against another lock file or the one of a git
    /// revision (HEAD, when none is named); no network
    #[arg(long, value_name = "FILE|REVISION", num_args = 0..=1, default_missing_value = "HEAD",
          conflicts_with_all = ["dry_run", "upgrade", "check"])]
    pub diff: Option<String>,
}

/// `envlock build`
#[derive(Debug, Clone, Default, Args)]
pub struct Build {
    /// The images to build; all of the spec's when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<ImageName>,
    /// Push by digest, rewrite config.yaml, record the release
    #[arg(long)]
    pub push: bool,
    /// What makes the images: `layers` needs no Docker, `dockerfile` is BuildKit; `auto` takes the first that can
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<EngineChoice>,
    /// Where images go; absent here and in envlock.toml, the layers engine fills your own registry
    #[arg(long, value_name = "HOST[/PREFIX]")]
    pub registry: Option<String>,
    /// Which buildx builder builds (any driver: docker-container, remote, kubernetes, …)
    #[arg(long, value_name = "NAME", env = "BUILDX_BUILDER")]
    pub builder: Option<String>,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
    /// Run the images once they are pushed, as `envlock verify` does; one that does not hold is not released
    ///
    /// The build ends with the code of the check that failed: the images stay in the registry, config.yaml and the record of
    /// releases stay as they were. Always with `verify = true` under `[build]`
    #[arg(long, requires = "push", conflicts_with_all = ["no_verify", "dry_run"])]
    pub verify: bool,
    /// Release them without that, whatever `verify` under `[build]` says
    #[arg(long)]
    pub no_verify: bool,
    /// Push and record the release without a file that names the images: config.yaml may be missing, or is left alone
    ///
    /// The images are in env.releases.jsonl, in `status` and in the output; `rollback` goes to and from such a release
    #[arg(long, requires = "push")]
    pub no_config: bool,
    /// Run this command after the release, instead of `after` under `[release]` in envlock.toml; '' runs none
    #[arg(long, value_name = "COMMAND", requires = "push", conflicts_with = "dry_run")]
    pub then: Option<String>,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// The address of a source for this run: NAME=URL (repeatable)
    #[arg(long, value_name = "NAME=URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for, as the lock was made (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// The cut-off the lock was made with
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
    /// The NVIDIA driver the images will meet, instead of this machine's; one that is too old stops the build before it starts (exit 4)
    #[arg(long, value_name = "VERSION")]
    pub driver: Option<DriverVersion>,
    /// Print the plan: images, build args, layers, sizes, config diff
    #[arg(long)]
    pub dry_run: bool,
    /// Only lay out .envlock for a build by hand, and print the `docker build` lines
    #[arg(long, conflicts_with_all = ["push", "dry_run"])]
    pub prepare: bool,
}

/// `envlock export`
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// What to write
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to; standard output when absent. Installers only take pylock.toml and pylock.NAME.toml
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// The address of a source for this run: NAME=URL (repeatable)
    #[arg(long, value_name = "NAME=URL")]
    pub index: Vec<IndexOverride>,
}

/// What `envlock export` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// pylock.toml (PEP 751), with the addresses the wheels have now
    Pylock,
    /// A requirements file with hashes; needs no network
    Requirements,
    /// A CycloneDX 1.6 bill of materials in JSON; needs no network
    Cyclonedx,
}

/// `envlock why`
#[derive(Debug, Clone, Args)]
pub struct Why {
    /// A package of the lock
    #[arg(value_name = "PKG")]
    pub package: PackageName,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
}

/// `envlock outdated`
#[derive(Debug, Clone, Default, Args)]
pub struct Outdated {
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Take a group's packages from another source, as the lock was made (repeatable)
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for, as the lock was made (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later, as for resolve
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
}

/// `envlock matrix`
#[derive(Debug, Clone, Default, Args)]
pub struct Matrix {
    /// For these Pythons instead of the spec's
    #[arg(long, value_name = "X.Y", value_delimiter = ',', value_parser = python)]
    pub python: Vec<PythonRequest>,
    /// For this CUDA tag instead of the spec's
    #[arg(long, value_name = "TAG")]
    pub cuda: Option<CudaTag>,
    /// Also write the tables as a picture, for light and dark pages
    #[arg(long, value_name = "FILE")]
    pub svg: Option<Utf8PathBuf>,
    /// Where the lock is, if there is one: its Python and C library are taken
    #[arg(long, value_name = "FILE")]
    pub lock: Option<Utf8PathBuf>,
    /// Take a group's packages from another source, by name or URL (repeatable)
    #[arg(long, value_name = "GROUP=NAME|URL")]
    pub index: Vec<IndexOverride>,
    /// Leave out a package the spec asks for (repeatable)
    #[arg(long, value_name = "PKG")]
    pub without: Vec<PackageName>,
    /// Leave out files uploaded at this moment or later, as for resolve
    #[arg(long, value_name = "TIME", value_parser = crate::spec::cut_off)]
    pub exclude_newer: Option<CutOff>,
}

fn python(text: &str) -> Result<PythonRequest, String> {
    PythonRequest::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// `envlock rollback`
#[derive(Debug, Clone, Default, Args)]
pub struct Rollback {
    /// The release to go back to: its number, `previous`, or the digest of one of its images; the one before the
    /// current when absent
    #[arg(long, value_name = "N|previous|DIGEST")]
    pub to: Option<Wanted>,
    /// Restore that release's env.lock too
    #[arg(long)]
    pub lock: bool,
    /// Show the change, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Overwrite an image that someone changed by hand since the last release
    #[arg(long)]
    pub force: bool,
    /// Run this command afterwards, instead of `after` under `[release]` in envlock.toml; '' runs none
    #[arg(long, value_name = "COMMAND", conflicts_with = "dry_run")]
    pub then: Option<String>,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
    /// Restore env.releases.jsonl first, from the records that `build --push` left in the registry
    #[arg(long)]
    pub from_registry: bool,
    /// Where those records are; where config.yaml's images are, and `registry.destination`, when absent
    #[arg(long, value_name = "HOST[/PREFIX]", requires = "from_registry")]
    pub registry: Option<String>,
}

/// `envlock status`
#[derive(Debug, Clone, Default, Args)]
pub struct Status {
    /// Also ask the registry whether each image is there
    #[arg(long)]
    pub registry: bool,
}

/// `envlock history`
#[derive(Debug, Clone, Default, Args)]
pub struct History {
    /// Read the history from the registry; env.releases.jsonl is written where it is missing
    #[arg(long)]
    pub from_registry: bool,
    /// Where its records are; where config.yaml's images are, and `registry.destination`, when absent
    #[arg(long, value_name = "HOST[/PREFIX]", requires = "from_registry")]
    pub registry: Option<String>,
    /// Plain http to a registry that is not on loopback
    #[arg(long, requires = "from_registry")]
    pub insecure: bool,
}

/// `envlock inspect`
#[derive(Debug, Clone, Args)]
pub struct Inspect {
    /// HOST/NAME@sha256:…, HOST/NAME:TAG, an image of the last release, or a digest that is in a repository of this project
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Print the env.lock it was built from, byte for byte, and nothing else
    #[arg(long, conflicts_with = "json")]
    pub lock: bool,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
}

/// `envlock size`
#[derive(Debug, Clone, Default, Args)]
pub struct Size {
    /// As for inspect; the images of the last release when none is named, and before the first what env.lock plans
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// What changed since this release or image
    #[arg(long, value_name = "N|previous|DIGEST|IMAGE")]
    pub since: Option<String>,
    /// What the shares and the picture are of
    #[arg(long, value_enum, value_name = "MEASURE", default_value_t)]
    pub by: Measure,
    /// How many packages of a layer, and lines of a list, are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// Also write a treemap as a picture
    #[arg(long, value_name = "FILE")]
    pub svg: Option<Utf8PathBuf>,
    /// Also write a page with the treemaps and all tables
    #[arg(long, value_name = "FILE")]
    pub html: Option<Utf8PathBuf>,
    /// Read the layers whose unpacked size is not known; they are downloaded, once
    #[arg(long)]
    pub read: bool,
    /// Read all layers, and say what the files are: kinds, the same file twice, one library from several packages
    #[arg(long, conflicts_with = "planned")]
    pub files: bool,
    /// What env.lock will make, instead of what was released
    #[arg(long)]
    pub planned: bool,
    /// Where the lock is; env.lock, or env.NAME.lock of a profile, when absent
    #[arg(long, value_name = "FILE", requires = "planned")]
    pub lock: Option<Utf8PathBuf>,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
}

/// `envlock verify`
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// As for inspect; the images of the last release when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Check where they came from instead, without starting them
    #[arg(long)]
    pub supply: bool,
    /// With --supply: download every layer and hash it; without, the registry is only asked for them
    #[arg(long, requires = "supply")]
    pub deep: bool,
    /// Only these checks, by their names in the table (repeatable, or with commas)
    #[arg(
        long,
        value_enum,
        value_name = "CHECK",
        value_delimiter = ',',
        conflicts_with = "supply"
    )]
    pub only: Vec<CheckName>,
    /// The lock they are held against; absent, the one beside each image, else the project's
    #[arg(long, value_name = "FILE", conflicts_with = "supply")]
    pub lock: Option<Utf8PathBuf>,
    /// What runs them: docker, podman, or the first that answers
    #[arg(
        long,
        value_enum,
        value_name = "PROGRAM",
        default_value = "auto",
        conflicts_with = "supply"
    )]
    pub runtime: Choice,
    /// How long a check may take
    #[arg(long, value_name = "SECONDS", default_value = "300", conflicts_with = "supply")]
    pub timeout: NonZeroU64,
    /// Also write the results as JUnit XML, a suite an image
    #[arg(long, value_name = "FILE", conflicts_with = "supply")]
    pub junit: Option<Utf8PathBuf>,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
}

/// `envlock prune`
#[derive(Debug, Clone, Default, Args)]
pub struct Prune {
    /// Also in the registries of the releases; without it only what is in this folder
    #[arg(long)]
    pub registry: bool,
    /// How many builds stay, instead of `release.keep`
    #[arg(long, value_name = "K")]
    pub keep: Option<NonZeroUsize>,
    /// Say what would be removed, remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
}

/// `envlock render`
#[derive(Debug, Clone, Default, Args)]
pub struct Render {
    /// The Jinja2 template; docker/compose.yaml.jinja2, or envlock's own where that is missing
    #[arg(long, value_name = "FILE")]
    pub template: Option<Utf8PathBuf>,
    /// The settings; config.yaml, or `path` under `[config]` in envlock.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<Utf8PathBuf>,
    /// Where the result goes, - for standard output; the template's name without .jinja2 when absent
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Utf8PathBuf>,
    /// Only tell whether the file is what it would be (exit 3 when not), and what would change
    #[arg(long)]
    pub check: bool,
}

/// `envlock cache`
#[derive(Debug, Clone, Args)]
pub struct Cache {
    /// What to do there
    #[command(subcommand)]
    pub verb: CacheVerb,
}

/// What `envlock cache` does.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheVerb {
    /// Print the folder
    Dir,
    /// Remove what was not used for a while; what the project's lock names stays
    Prune {
        /// Days without use
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        unused_days: u64,
        /// A lock whose wheels stay; repeatable. Every lock of the project when absent
        #[arg(long, value_name = "FILE")]
        lock: Vec<Utf8PathBuf>,
        /// Say what would be removed, remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// `envlock serve`
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one. 127.0.0.1 and the port of envlock.toml (5080) when absent
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Another image layout to serve, made when it is missing. That of all your projects when absent
    #[arg(long, value_name = "DIR")]
    pub folder: Option<Utf8PathBuf>,
    /// A name by which clients reach it besides its address; others are refused. Repeatable
    #[arg(long, value_name = "NAME[:PORT]")]
    pub host: Vec<HostName>,
    /// Only pulls; the folder may be read-only too
    #[arg(long)]
    pub read_only: bool,
    /// Listen where other machines reach it: without TLS and login, they can change the images
    #[arg(long)]
    pub insecure: bool,
}

/// `envlock init`
#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// Write what the platform needs instead: the template of docker/compose.yaml and what belongs to it, config.example.yaml
    #[arg(long)]
    pub platform: bool,
}

/// `envlock doctor`
#[derive(Debug, Clone, Default, Args)]
pub struct Doctor {
    /// Where images go
    #[arg(long, value_name = "HOST[/PREFIX]")]
    pub registry: Option<String>,
}

/// `envlock schema`
#[derive(Debug, Clone, Default, Args)]
pub struct Schema {
    /// `spec`, `lock`, `release`, `config`, or a command; all names when absent
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `envlock completions`
#[derive(Debug, Clone, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `envlock docs`
#[derive(Debug, Clone, Default, Args)]
pub struct Docs {
    /// Where the pages of the reference go; docs/reference when absent
    #[arg(value_name = "FOLDER")]
    pub folder: Option<Utf8PathBuf>,
    /// Write man pages there instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "folder")]
    pub man: Option<Utf8PathBuf>,
}
