//! Arguments of the commands that make and inspect images.

use std::num::NonZeroU64;

use camino::Utf8PathBuf;
use clap::Args;
use pep508_rs::PackageName;

use crate::cuda::DriverVersion;
use crate::size::Measure;
use crate::spec::{CutOff, EngineChoice, ImageName, IndexOverride};
use crate::verify::Choice;
use crate::verify::checks::CheckName;

/// `envlock build`
#[derive(Debug, Clone, Default, Args)]
pub struct Build {
    /// The images to build; all of the spec's when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<ImageName>,
    /// Push by digest, rewrite config.yaml, record the release
    #[arg(long)]
    pub push: bool,
    /// The engine that makes the images: `layers` needs no Docker, `dockerfile` is BuildKit; `auto` takes the first that can
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
    /// Run the images once they are pushed, as `envlock verify` does; an image that fails is not released
    ///
    /// The build ends with the code of the check that failed: the images stay in the registry, config.yaml and the record of
    /// releases stay as they were. Always with `verify = true` under `[build]`
    #[arg(long, requires = "push", conflicts_with_all = ["no_verify", "dry_run"])]
    pub verify: bool,
    /// Release them without running them, also with `verify = true` under `[build]`
    #[arg(long)]
    pub no_verify: bool,
    /// Push and record the release without a file that names the images: config.yaml may be missing, or is left alone
    ///
    /// The images are in env.releases.jsonl, in `status` and in the output; `rollback` works from and to such a release
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
    /// Leave out a package the spec asks for, as when the lock was made (repeatable)
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
    /// Only prepare .envlock for a manual build, and print the `docker build` lines
    #[arg(long, conflicts_with_all = ["push", "dry_run"])]
    pub prepare: bool,
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
    /// The sizes that the shares and the picture show
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
    /// Read all layers, and report their files: kinds, duplicates, one library from several packages
    #[arg(long, conflicts_with = "planned")]
    pub files: bool,
    /// Show the images that env.lock describes, instead of those that were released
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
    /// Check their origin instead: lock, layers, bill of materials, provenance, signatures; nothing is started
    #[arg(long)]
    pub supply: bool,
    /// With --supply: download and hash every layer; without, the registry is only asked whether it has them
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
    /// The lock they are compared with; absent, the one beside each image, else the project's
    #[arg(long, value_name = "FILE", conflicts_with = "supply")]
    pub lock: Option<Utf8PathBuf>,
    /// The container runtime: docker, podman, or the first that answers
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
