//! Arguments of the commands about what runs and what ran before.

use std::num::NonZeroUsize;

use clap::Args;

use crate::release::Selector;

/// `envlock rollback`
#[derive(Debug, Clone, Default, Args)]
pub struct Rollback {
    /// The release to go back to: its number, `previous`, or the digest of one of its images; the one before the
    /// current when absent
    #[arg(long, value_name = "N|previous|DIGEST")]
    pub to: Option<Selector>,
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

/// `envlock prune`
#[derive(Debug, Clone, Default, Args)]
pub struct Prune {
    /// Also in the registries of the releases; without it only what is in this folder
    #[arg(long)]
    pub registry: bool,
    /// How many builds stay, instead of `release.keep`
    #[arg(long, value_name = "K")]
    pub keep: Option<NonZeroUsize>,
    /// Show what would be removed, remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Plain http to a registry that is not on loopback
    #[arg(long)]
    pub insecure: bool,
}
