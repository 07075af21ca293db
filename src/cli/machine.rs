//! Arguments of the commands about this machine and this program.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use crate::registry::embedded::HostName;

/// `envlock cache`
#[derive(Debug, Clone, Args)]
pub struct Cache {
    /// What to do with the folder
    #[command(subcommand)]
    pub verb: CacheVerb,
}

/// What `envlock cache` does.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheVerb {
    /// Print the folder
    Dir,
    /// Remove what was not used for some days; what the project's lock names stays
    Prune {
        /// Days without use
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        unused_days: u64,
        /// A lock whose wheels stay; repeatable. Every lock of the project when absent
        #[arg(long, value_name = "FILE")]
        lock: Vec<Utf8PathBuf>,
        /// Show what would be removed, remove nothing
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
    /// Allow pulls only; the folder may be read-only too
    #[arg(long)]
    pub read_only: bool,
    /// Listen where other machines reach it: without TLS and login, they can change the images
    #[arg(long)]
    pub insecure: bool,
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
